package io.tandem.server.text.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.testing.Seeded;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What grammars of schemas allow, and what they are not made of. */
class SchemaGrammarTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final BitSet BYTES = new BitSet();

    static {
        BYTES.set(0, 256);
    }

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    private static Grammar grammar(String schema) throws IOException {
        return SchemaGrammar.of(JSON.readTree(schema), BYTES);
    }

    private static GrammarException refusal(String schema) {
        return catchThrowableOfType(GrammarException.class, () -> grammar(schema));
    }

    @Test
    void textsOfRandomSchemasAreValid() {
        RandomSchemas schemas = new RandomSchemas(random);
        int made = 0;
        for (int i = 0; i < 300; i++) {
            ObjectNode schema = schemas.next();
            Grammar grammar;
            try {
                grammar = SchemaGrammar.of(schema, BYTES);
            } catch (GrammarException e) {
                // A definition may refer to itself with nothing in between, on its own or combined with another.
                assertThat(e).as(schema.toString()).hasMessageMatching(".*(no value|itself|without end|multipleOf).*");
                continue;
            }
            made++;
            Validator validator = new Validator(schema);
            for (int j = 0; j < 10; j++) {
                String text = RandomTexts.of(grammar, random);
                assertThat(validator.errors(text)).as(schema + "\n" + text).isEmpty();
            }
        }
        assertThat(made).isGreaterThan(150);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"minimum":3}                              | 3 3.0 10 1000000       | 2 -3 2.9999 "3"
            {"type":"integer","minimum":-5,"maximum":12} | -5 -1 0 9 10 12      | -6 13 -0 00 1.0
            {"type":"integer","exclusiveMaximum":-5}   | -6 -10 -123            | -5 -4 0 5
            {"type":"integer","minimum":95,"maximum":105,"multipleOf":5} | 95 100 105 | 96 90 110
            {"type":"number","exclusiveMinimum":0.5,"maximum":2} | 0.51 0.5001 1 2 2.0 2.00 | 0.5 2.01 0 -1
            {"type":"number","multipleOf":0.01}        | 1 1.5 1.25 -0.01       | 1.255 1e2
            {"type":"integer"}                         | 0 7 -12                | 01 1.5 +1 1e3
            """)
    void numbersKeepTheirBounds(String schema, String allowed, String others) throws IOException {
        Grammar grammar = grammar(schema);
        assertThat(List.of(allowed.trim().split(" "))).allMatch(grammar::accepts);
        assertThat(List.of(others.trim().split(" "))).noneMatch(grammar::accepts);
    }

    @Test
    void membersComeInTheSchemasOrderAndOptionalOnesMayLack() throws IOException {
        Grammar grammar = grammar("""
                {"type":"object","required":["b"],"properties":{"a":{"type":"null"},"b":{"type":"boolean"},
                 "c":{"enum":["x"]}}}""");
        assertThat(List.of(
                        "{\"b\":true}",
                        "{\"a\":null,\"b\":false}",
                        "{ \"b\": true, \"c\": \"x\" }",
                        "{\n  \"a\": null,\n  \"b\": true,\n  \"c\": \"x\"\n}"))
                .allMatch(grammar::accepts);
        assertThat(List.of(
                        "{}",
                        "{\"a\":null}",
                        "{\"b\":true,\"a\":null}",
                        "{\"b\":true,}",
                        "{,\"b\":true}",
                        "{\"b\":true,\"b\":true}",
                        "{\"b\":true,\"d\":1}",
                        "{\"b\":true} ",
                        "{\n\n\n\"b\":true}"))
                .noneMatch(grammar::accepts);
    }

    /** What no value can meet is an absent member, however much else is said of it. */
    @Test
    void membersOfContradictoryTypesStayAway() throws IOException {
        Grammar grammar = grammar("""
                {"allOf":[{"type":"object","properties":{"a":{"enum":["x"]},"b":{"type":"integer","minimum":1}}},
                 {"type":"object","properties":{"a":{"type":"string","minLength":1},"b":{"type":"null"}}},
                 {"type":"object","properties":{"a":{"type":"null"},"b":{"enum":[1,null]}}}]}""");
        assertThat(grammar.accepts("{}")).isTrue();
        assertThat(List.of("{\"a\":\"x\"}", "{\"a\":null}", "{\"b\":1}", "{\"b\":null}"))
                .noneMatch(grammar::accepts);
        assertThat(refusal("{\"allOf\":[{\"type\":\"null\"},{\"type\":\"string\"},{\"enum\":[null]}]}"))
                .hasMessageContaining("no value");
    }

    @Test
    void otherMembersNeverTakeANameThatIsTaken() throws IOException {
        Grammar grammar = grammar("""
                {"type":"object","properties":{"ab":{"type":"null"}},"additionalProperties":{"type":"integer"}}""");
        assertThat(List.of("{\"a\":1}", "{\"abc\":1}", "{\"ab\":null,\"é\":2}", "{\"b\":1,\"c\":2}"))
                .allMatch(grammar::accepts);
        assertThat(List.of("{\"ab\":1}", "{\"\\u0061b\":1}", "{\"a\\u0062\":1}", "{\"x\":null}"))
                .noneMatch(grammar::accepts);
    }

    @Test
    void recursionEndsAtTheLimitOfNesting() throws IOException {
        Grammar grammar = grammar("""
                {"$ref":"#/$defs/node","$defs":{"node":{"type":"object","required":["next"],
                 "properties":{"next":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/node"}]}}}}}""");
        assertThat(grammar.accepts("{\"next\":".repeat(30) + "null" + "}".repeat(30)))
                .isTrue();
        // However deep it goes, there is a way out.
        GrammarState state = grammar.start();
        int depth = 0;
        while (!state.next((byte) '{').isDead()) {
            for (byte value : "{\"next\":".getBytes(StandardCharsets.UTF_8)) {
                state = state.next(value);
            }
            depth++;
        }
        assertThat(depth).isBetween(40, Grammar.MAX_DEPTH);
        for (byte value : ("null" + "}".repeat(depth)).getBytes(StandardCharsets.UTF_8)) {
            state = state.next(value);
        }
        assertThat(state.accepts()).isTrue();
    }

    @Test
    void anyObjectIsJson() {
        Grammar grammar = SchemaGrammar.anyObject(BYTES);
        assertThat(List.of("{}", "{\"a\":[1,-2.5e3,{\"b\":null},\"\\u00e9\\n\"]}", "{\"a\": true}"))
                .allMatch(grammar::accepts);
        assertThat(List.of("", "[]", "1", "{\"a\":}", "{\"a\":tru}", "{\"a\":\"\n\"}", "{\"a\":\"\\ud800\"}"))
                .noneMatch(grammar::accepts);
        Validator any = new Validator(JSON.createObjectNode().put("type", "object"));
        for (int i = 0; i < 200; i++) {
            String text = RandomTexts.of(grammar, random);
            assertThat(any.errors(text)).as(text).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"not":{}}                                                        | /not                     | 'not'
            {"properties":{"a/b":{"patternProperties":{}}}}                   | /properties/a~1b/patternProperties | patternProperties
            {"items":{"if":{},"then":{}}}                                     | /items/if                | 'if'
            {"anyOf":[{"type":"null"},{"uniqueItems":true}]}                  | /anyOf/1/uniqueItems     | uniqueItems
            {"type":"strnig"}                                                 | /type                    | null, boolean, string
            {"$ref":"#/$defs/x"}                                              | /$ref                    | not in the schema
            {"$ref":"http://example.com/x"}                                   | /$ref                    | same schema
            {"$ref":"#"}                                                      | ``                       | itself
            {"anyOf":[{"$ref":"#"},{"type":"null"}]}                          | ``                       | itself
            {"allOf":[{"$ref":"#"},{"type":"null"}]}                          | /allOf/0                 | without end
            {"type":"string","pattern":"(?=a)b"}                              | ``                       | look-ahead
            {"properties":{"p":{"type":"string","pattern":"(a)\\\\1"}}}       | /properties/p            | back-reference
            {"type":"string","minLength":"3"}                                 | /minLength               | whole number
            {"type":"number","minimum":1e999}                                 | /minimum                 | a number
            {"type":"integer","minimum":3,"maximum":2}                        | ``                       | no value
            {"type":"object","properties":{"a":false},"required":["a"]}       | ``                       | no value
            {"type":"string","maxLength":100000000}                           | ``                       | states
            {"oneOf":[{"type":"number"},{"type":"integer"}]}                  | /oneOf                   | anyOf
            {"oneOf":{"type":"number"}}                                       | /oneOf                   | list of at least one schema
            7                                                                 | ``                       | neither an object
            """)
    void whatCannotBePromisedIsRefusedByNameAndPlace(String schema, String place, String reason) {
        GrammarException refused = refusal(schema);
        assertThat(refused).isNotNull();
        assertThat(refused.pointer()).isEqualTo(place);
        assertThat(refused.getMessage()).contains(reason);
    }

    @Test
    void oneOfIsTakenWhereOnlyOneCanHold() throws IOException {
        Grammar grammar = grammar("""
                {"oneOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"},{"type":"null"}],"$defs":{
                 "cat":{"type":"object","properties":{"kind":{"const":"cat"},"lives":{"type":"integer"}},
                        "required":["kind"]},
                 "dog":{"type":"object","properties":{"kind":{"const":"dog"}},"required":["kind"]}}}""");
        assertThat(List.of("null", "{\"kind\":\"cat\",\"lives\":9}", "{\"kind\":\"dog\"}"))
                .allMatch(grammar::accepts);
        assertThat(grammar.accepts("{\"kind\":\"dog\",\"lives\":9}")).isFalse();
    }

    /** Small schemas that would take for ever if everything was looked at again and again. */
    @Test
    @Timeout(120)
    void smallSchemasTakeLittleTime() {
        StringBuilder doubling = new StringBuilder("{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
        StringBuilder chain = new StringBuilder("{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
        for (int i = 0; i < 3000; i++) {
            String next = "{\"$ref\":\"#/$defs/d" + (i + 1) + "\"}";
            doubling.append("\"d").append(i).append("\":{\"allOf\":[" + next + "," + next + "]},");
            chain.append("\"d").append(i).append("\":" + next + ",");
        }
        assertThat(refusal(doubling + "\"d3000\":{\"type\":\"null\"}}}")).isNotNull();
        assertThat(refusal(chain + "\"d3000\":{\"type\":\"null\"}}}")).isNotNull();
        StringBuilder names = new StringBuilder();
        StringBuilder members = new StringBuilder();
        for (int i = 0; i < 200; i++) {
            names.append(i > 0 ? "," : "").append("\"p").append(i).append("\"");
            members.append(i > 0 ? "," : "").append("\"p").append(i).append("\":{\"$ref\":\"#/$defs/a\"}");
        }
        String object = "{\"type\":\"object\",\"required\":[" + names + "],\"properties\":{" + members + "}}";
        assertThat(refusal("{\"oneOf\":[{\"$ref\":\"#/$defs/a\"},{\"$ref\":\"#/$defs/b\"}],\"$defs\":{\"a\":" + object
                        + ",\"b\":" + object + "}}"))
                .hasMessageContaining("oneOf");
        assertThat(refusal("{\"type\":\"string\",\"pattern\":\"((a{1,1000}){1,1000}){1,1000}\"}"))
                .hasMessageContaining("states");
    }

    /** A byte that is no token of its own may still be part of one, but nothing may depend on it. */
    @Test
    void whatTheVocabularyCannotSpellIsLeftOut() throws IOException {
        BitSet ascii = new BitSet();
        ascii.set(0, 128);
        JsonNode schema = JSON.readTree("{\"enum\":[\"é\",\"e\"]}");
        Grammar grammar = SchemaGrammar.of(schema, ascii);
        assertThat(grammar.accepts("\"e\"")).isTrue();
        assertThat(grammar.accepts("\"é\"")).isFalse();
    }
}
