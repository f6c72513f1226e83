package io.tandem.server.text.grammar;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The JSON Schema Test Suite (draft 2020-12). A grammar may allow less than its schema, but nothing else, and what it
 * cannot promise is refused.
 */
class SchemaSuiteTest {
    private static final Path SUITE = Path.of("src/test/resources/json-schema-test-suite");
    private static final JsonMapper JSON = new JsonMapper();
    private static final BitSet BYTES = new BitSet();

    static {
        BYTES.set(0, 256);
    }

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final List<String> refused = new ArrayList<>();
    private int compiled;
    private int valid;
    private int accepted;

    @Test
    void whatIsWrittenIsValid() throws IOException {
        try (Stream<Path> files = Files.list(SUITE)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".json"))
                    .sorted()
                    .toList()) {
                for (JsonNode group : JSON.readTree(file.toFile())) {
                    check(file.getFileName() + ": " + group.path("description").asText(), group);
                }
            }
        }

        // All that is refused says why.
        assertThat(refused).allMatch(line -> line.matches("(?s).*(supported|no value|oneOf|refers to|itself).*"));
        assertThat(compiled).isGreaterThan(130);
        assertThat(accepted).isGreaterThan(valid / 2);
    }

    private void check(String name, JsonNode group) {
        JsonNode schema = group.path("schema");
        Grammar grammar;
        try {
            grammar = SchemaGrammar.of(schema, BYTES);
        } catch (GrammarException e) {
            refused.add(name + ": " + e.pointer() + " " + e.getMessage());
            return;
        }
        compiled++;
        for (JsonNode test : group.path("tests")) {
            String text = test.path("data").toString();
            boolean accepts = grammar.accepts(text);
            if (test.path("valid").asBoolean()) {
                valid++;
                accepted += accepts ? 1 : 0;
            } else {
                assertThat(accepts).as(name + ": " + text).isFalse();
            }
        }
        Validator validator = new Validator(schema);
        for (int i = 0; i < 10; i++) {
            String text = RandomTexts.of(grammar, random);
            assertThat(validator.errors(text)).as(name + ": " + text).isEmpty();
        }
    }
}
