package io.tandem.server.text.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.testing.Seeded;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A grammar may allow less than its schema, but nothing else, and what it cannot promise is refused. With {@code
 * -Dschema.suite=DIRECTORY} the files of the JSON Schema Test Suite for draft 2020-12 are tried too.
 */
class SchemaInstancesTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final BitSet BYTES = new BitSet();

    static {
        BYTES.set(0, 256);
    }

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    @Test
    void allowsWhatIsValidAndNothingElse() throws IOException {
        for (JsonNode group : JSON.readTree(
                Path.of("src/test/resources/schema-instances.json").toFile())) {
            String name = group.path("description").asText();
            if (group.path("refused").asBoolean()) {
                assertThatThrownBy(() -> SchemaGrammar.of(group.path("schema"), BYTES))
                        .as(name)
                        .isInstanceOf(GrammarException.class);
                continue;
            }
            Grammar grammar = SchemaGrammar.of(group.path("schema"), BYTES);
            for (JsonNode valid : group.path("valid")) {
                assertThat(grammar.accepts(valid.toString()))
                        .as(name + ": " + valid)
                        .isTrue();
            }
            for (JsonNode invalid : group.path("invalid")) {
                assertThat(grammar.accepts(invalid.toString()))
                        .as(name + ": " + invalid)
                        .isFalse();
            }
            writesOnlyWhatIsValid(name, group.path("schema"), grammar);
        }
    }

    @Test
    @EnabledIfSystemProperty(named = "schema.suite", matches = ".+")
    void allowsNothingThatThePublicSuiteForbids() throws IOException {
        List<String> refused = new ArrayList<>();
        int compiled = 0;
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("schema.suite")))) {
            for (Path file : files.filter(path -> path.toString().endsWith(".json"))
                    .sorted()
                    .toList()) {
                for (JsonNode group : JSON.readTree(file.toFile())) {
                    String name = file.getFileName() + ": "
                            + group.path("description").asText();
                    try {
                        Grammar grammar = SchemaGrammar.of(group.path("schema"), BYTES);
                        compiled++;
                        for (JsonNode test : group.path("tests")) {
                            String text = test.path("data").toString();
                            assertThat(grammar.accepts(text)
                                            && !test.path("valid").asBoolean())
                                    .as(name + ": " + text)
                                    .isFalse();
                        }
                        writesOnlyWhatIsValid(name, group.path("schema"), grammar);
                    } catch (GrammarException e) {
                        refused.add(name + ": " + e.pointer() + " " + e.getMessage());
                    }
                }
            }
        }
        System.out.println(compiled + " schemas compiled, refused: " + String.join("\n", refused));
        assertThat(compiled).isPositive();
    }

    private void writesOnlyWhatIsValid(String name, JsonNode schema, Grammar grammar) {
        Validator validator = new Validator(schema);
        for (int i = 0; i < 10; i++) {
            String text = RandomTexts.of(grammar, random);
            assertThat(validator.errors(text)).as(name + ": " + text).isEmpty();
        }
    }
}
