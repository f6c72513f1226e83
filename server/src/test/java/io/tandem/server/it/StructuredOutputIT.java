package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.server.text.grammar.Validator;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Formats that answers have to keep, whatever the sample model would like to say. */
@Timeout(120)
class StructuredOutputIT {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String PERSON = """
            {"type":"object","properties":{
              "name":{"type":"string","minLength":1,"maxLength":20},
              "age":{"type":"integer","minimum":0,"maximum":120},
              "tags":{"type":"array","items":{"enum":["red","green","blue"]},"minItems":1,"maxItems":3},
              "boss":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/boss"}]}},
             "required":["name","age","tags","boss"],"additionalProperties":false,
             "$defs":{"boss":{"type":"object","properties":{"name":{"type":"string","pattern":"^[A-Z][a-z]{1,9}$"}},
               "required":["name"],"additionalProperties":false}}}""";

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory, Path.of("../config/models/sample"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static HttpResponse<String> chat(String fields) throws Exception {
        return server.post(
                "/v1/chat/completions",
                "{\"model\":\"sample\",\"messages\":[{\"role\":\"user\",\"content\":\"What is the opposite of hot?\"}],"
                        + fields + "}");
    }

    private static HttpResponse<String> complete(String fields) throws Exception {
        return server.post(
                "/v1/completions",
                "{\"model\":\"sample\",\"prompt\":\"Once upon a time\",\"max_tokens\":240," + fields + "}");
    }

    private static String schemaFormat(String schema) {
        return "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"strict\":true,\"schema\":"
                + schema + "}}";
    }

    private static void requireValid(String schema, JsonNode choice, String text) throws Exception {
        assertThat(choice.path("finish_reason").asText()).as(text).isEqualTo("stop");
        assertThat(new Validator(JSON.readTree(schema)).errors(text)).as(text).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"temperature\":0",
                "\"temperature\":1",
                "\"temperature\":2",
                "\"temperature\":1,\"top_p\":0.5",
                "\"temperature\":1,\"top_k\":3,\"logit_bias\":{\"0\":100},\"presence_penalty\":2"
            })
    void answersKeepToTheirSchema(String sampling) throws Exception {
        String fields = sampling + ",\"seed\":1,\"n\":6," + schemaFormat(PERSON);
        for (JsonNode choice : server.json(chat(fields)).path("choices")) {
            requireValid(PERSON, choice, choice.at("/message/content").asText());
        }
        for (JsonNode choice : server.json(complete(fields)).path("choices")) {
            requireValid(PERSON, choice, choice.path("text").asText());
        }
    }

    @Test
    void eachOfSeveralAnswersGoesItsOwnWay() throws Exception {
        String fields = "\"temperature\":1,\"seed\":3,\"n\":4," + schemaFormat(PERSON);
        List<String> texts = new ArrayList<>();
        for (JsonNode choice : server.json(chat(fields)).path("choices")) {
            texts.add(choice.at("/message/content").asText());
            requireValid(PERSON, choice, texts.get(texts.size() - 1));
        }
        assertThat(texts.stream().distinct()).hasSizeGreaterThan(1);
        List<String> again = new ArrayList<>();
        for (JsonNode choice : server.json(chat(fields)).path("choices")) {
            again.add(choice.at("/message/content").asText());
        }
        assertThat(again).isEqualTo(texts);
    }

    @Test
    void aStreamIsTheSameText() throws Exception {
        String fields = "\"temperature\":1,\"seed\":5," + schemaFormat(PERSON);
        String whole =
                server.json(chat(fields)).at("/choices/0/message/content").asText();
        String streamed = server.events(chat(fields + ",\"stream\":true")).stream()
                .map(event -> event.at("/choices/0/delta/content").asText())
                .collect(Collectors.joining());
        assertThat(streamed).isEqualTo(whole);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', textBlock = """
            "guided_regex":"[0-9]{3}-[0-9]{4}"                       ~ [0-9]{3}-[0-9]{4}
            "structured_outputs":{"regex":"(foo|bar){1,3}!"}         ~ (foo|bar){1,3}!
            "guided_choice":["positive","negative","neutral"]        ~ positive|negative|neutral
            "structured_outputs":{"choice":["ja","nein, 'é'"]}       ~ ja|nein, 'é'
            "guided_json":{"type":"boolean"}                         ~ true|false
            "guided_json":"{\\"enum\\":[1,2]}"                       ~ 1|2
            "structured_outputs":{"json":{"const":{"a":"b"}}}        ~ [{]"a":"b"[}]
            "response_format":{"type":"json_schema","json_schema":{"schema":{"type":"integer","maximum":9,"minimum":-9}}} ~ -?[0-9]
            """)
    void thereAreManyWaysToAskForAFormat(String field, String expected) throws Exception {
        for (JsonNode choice : server.json(chat("\"temperature\":1.5,\"seed\":1,\"n\":4," + field))
                .path("choices")) {
            assertThat(choice.at("/message/content").asText()).matches(expected);
            assertThat(choice.path("finish_reason").asText()).isEqualTo("stop");
        }
        assertThat(server.json(complete(field)).at("/choices/0/text").asText()).matches(expected);
    }

    @Test
    void anyObjectIsJsonOrCutShort() throws Exception {
        int ended = 0;
        String fields = "\"seed\":1,\"n\":8,\"max_tokens\":200,\"response_format\":{\"type\":\"json_object\"}";
        for (JsonNode choice : server.json(chat(fields)).path("choices")) {
            String text = choice.at("/message/content").asText();
            assertThat(text).startsWith("{");
            if (choice.path("finish_reason").asText().equals("stop")) {
                assertThat(JSON.readTree(text).isObject()).isTrue();
                ended++;
            }
        }
        assertThat(ended).isPositive();
    }

    @Test
    void anAnswerThatIsCutSaysSo() throws Exception {
        JsonNode choice =
                server.json(chat("\"max_tokens\":3," + schemaFormat(PERSON))).at("/choices/0");
        assertThat(choice.path("finish_reason").asText()).isEqualTo("length");
        assertThat(choice.at("/message/content").asText()).startsWith("{");
    }

    /** What a constrained neighbour computes changes nothing for the others. */
    @Test
    void neighboursGiveWhatTheyGiveAlone() throws Exception {
        List<String> fields = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            fields.add("\"temperature\":1,\"seed\":" + i + (i % 2 == 0 ? "" : "," + schemaFormat(PERSON)));
        }
        List<String> alone = new ArrayList<>();
        for (String field : fields) {
            alone.add(server.json(complete(field)).at("/choices/0/text").asText());
        }
        List<CompletableFuture<String>> together = fields.stream()
                .map(field -> CompletableFuture.supplyAsync(() -> {
                    try {
                        return server.json(complete(field))
                                .at("/choices/0/text")
                                .asText();
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                }))
                .toList();
        for (int i = 0; i < alone.size(); i++) {
            assertThat(together.get(i).get()).isEqualTo(alone.get(i));
        }
    }

    @Test
    void logProbabilitiesAreThoseOfAllTokens() throws Exception {
        JsonNode logprobs = server.json(
                        chat("\"temperature\":0,\"logprobs\":true,\"top_logprobs\":2,\"guided_choice\":[\"zzz\"]"))
                .at("/choices/0/logprobs/content");
        assertThat(logprobs).isNotEmpty();
        for (JsonNode token : logprobs) {
            assertThat(token.path("logprob").doubleValue()).isFinite().isLessThanOrEqualTo(0);
            assertThat(token.at("/top_logprobs/0/logprob").doubleValue()).isFinite();
        }
        // The model had other plans.
        assertThat(logprobs.at("/0/top_logprobs/0/token").asText())
                .isNotEqualTo(logprobs.at("/0/token").asText());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "response_format":{"type":"yaml"}                       | response_format.type                | text, json_object
            "response_format":"json"                                | response_format                     | object
            "response_format":{"type":"json_schema"}                | response_format.json_schema         | required
            "response_format":{"type":"json_schema","json_schema":{"name":"x"}} | response_format.json_schema.schema | required
            "guided_json":{"properties":{"a":{"not":{}}}}           | guided_json                         | /properties/a/not
            "guided_json":"{"                                       | guided_json                         | no JSON
            "guided_json":7                                         | guided_json                         | schema
            "guided_regex":"(?=x)"                                  | guided_regex                        | look-ahead
            "guided_regex":"[a-z"                                   | guided_regex                        | brackets
            "guided_regex":"(a{1000}){1000}"                        | guided_regex                        | states
            "guided_choice":[]                                      | guided_choice                       | array
            "guided_choice":"a"                                     | guided_choice                       | array
            "structured_outputs":{}                                 | structured_outputs                  | one of
            "structured_outputs":{"grammar":"root ::= a"}           | structured_outputs.grammar          | known
            "guided_regex":"a","guided_choice":["a"]                | guided_choice                       | contradicts
            "response_format":{"type":"json_object"},"guided_regex":"a" | guided_regex                    | contradicts
            "guided_regex":"a","ignore_eos":true                    | ignore_eos                          | contradicts
            """)
    void whatIsWrongIsNamed(String field, String param, String message) throws Exception {
        for (HttpResponse<String> answer : List.of(chat(field), complete(field))) {
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
            JsonNode error = JSON.readTree(answer.body()).path("error");
            assertThat(error.path("param").asText()).isEqualTo(param);
            assertThat(error.path("message").asText()).contains(param, message);
        }
    }

    @Test
    void theUsualFormatIsNoFormat() throws Exception {
        String plain = server.json(chat("\"temperature\":0"))
                .at("/choices/0/message/content")
                .asText();
        String text = server.json(chat("\"temperature\":0,\"response_format\":{\"type\":\"text\"}"))
                .at("/choices/0/message/content")
                .asText();
        assertThat(text).isEqualTo(plain).isEqualTo("cold");
    }
}
