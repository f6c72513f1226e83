package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.WeightNames;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The Responses API; {@link OpenAiClientIT} calls it by OpenAI's client. */
@Timeout(120)
class ResponsesIT {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String HOT = "What is the opposite of hot?";
    private static final String WEATHER =
            "{\"type\":\"function\",\"name\":\"get_weather\",\"description\":\"The weather\","
                    + "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"enum\":[\"Bonn\",\"Rome\"]}},"
                    + "\"required\":[\"city\"],\"additionalProperties\":false},\"strict\":true}";

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(
                directory, TemplatedModel.write(directory, TemplatedModel.tools("<tool_call></think>")));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static HttpResponse<String> respond(String fields) throws Exception {
        return server.post("/v1/responses", "{\"model\":\"sample\",\"temperature\":0," + fields + "}");
    }

    @Test
    void nothingIsStored() throws Exception {
        String id = server.json(respond("\"input\":\"Hi\",\"max_output_tokens\":1"))
                .path("id")
                .asText();
        assertThat(server.get("/v1/responses/" + id).statusCode()).isEqualTo(404);
        assertThat(server.delete("/v1/responses/" + id).statusCode()).isEqualTo(404);
        JsonNode stored = server.json(respond("\"input\":\"Hi\",\"store\":true,\"max_output_tokens\":1"));
        assertThat(stored.path("store").booleanValue()).isFalse();
        HttpResponse<String> refused = respond("\"input\":\"Hi\",\"previous_response_id\":\"" + id + "\"");
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(refused.body())
                .contains("\"param\":\"previous_response_id\"")
                .contains("stores no responses");
    }

    @Test
    void eventsAreNumberedAndEndWithTheWholeResponse() throws Exception {
        HttpResponse<String> answer = respond("\"stream\":true,\"input\":\"" + HOT + "\"");
        List<JsonNode> events = server.events(answer);
        List<String> types = events.stream()
                .map(event -> event.path("type").asText())
                .distinct()
                .toList();
        assertThat(types)
                .containsExactly(
                        "response.created",
                        "response.in_progress",
                        "response.output_item.added",
                        "response.content_part.added",
                        "response.output_text.delta",
                        "response.output_text.done",
                        "response.content_part.done",
                        "response.output_item.done",
                        "response.completed");
        for (int i = 0; i < events.size(); i++) {
            assertThat(events.get(i).path("sequence_number").intValue()).isEqualTo(i);
        }
        assertThat(answer.body().lines().filter(line -> line.startsWith("event: ")))
                .containsExactlyElementsOf(events.stream()
                        .map(event -> "event: " + event.path("type").asText())
                        .toList());
        JsonNode last = events.get(events.size() - 1).path("response");
        JsonNode item = last.at("/output/0");
        assertThat(item.at("/content/0/text").asText()).isEqualTo("cold");
        assertThat(events.get(events.size() - 2).path("item")).isEqualTo(item);
        JsonNode whole = server.json(respond("\"input\":\"" + HOT + "\""));
        assertThat(whole.path("usage").path("output_tokens"))
                .isEqualTo(last.path("usage").path("output_tokens"));
        assertThat(whole.at("/output/0/content")).isEqualTo(item.path("content"));
    }

    @Test
    void callsAreItems() throws Exception {
        String written = "Let me see.<tool_call>{\\\"name\\\":\\\"get_weather\\\",\\\"arguments\\\":"
                + "{\\\"city\\\":\\\"Rome\\\"}}</tool_call>";
        List<JsonNode> events =
                server.events(respond("\"input\":\"Weather?\",\"max_output_tokens\":120,\"stream\":true,"
                        + "\"tools\":[" + WEATHER + "],\"guided_choice\":[\"" + written + "\"]"));
        List<String> types = new ArrayList<>();
        events.forEach(event -> types.add(event.path("type").asText()));
        assertThat(types)
                .containsSubsequence(
                        "response.output_text.done",
                        "response.output_item.done",
                        "response.output_item.added",
                        "response.function_call_arguments.delta",
                        "response.function_call_arguments.done",
                        "response.output_item.done",
                        "response.completed");
        JsonNode output = events.get(events.size() - 1).at("/response/output");
        assertThat(output.at("/0/content/0/text").asText()).isEqualTo("Let me see.");
        assertThat(output.at("/1/name").asText()).isEqualTo("get_weather");
        assertThat(JSON.readTree(output.at("/1/arguments").asText())
                        .path("city")
                        .asText())
                .isEqualTo("Rome");
    }

    /** A template that opens the thoughts itself, so that all that is said before their end is one. */
    @Test
    void thoughtsAreItems(@TempDir Path other) throws Exception {
        String thinking =
                "{% for message in messages %}<|{{ message.role }}|>{{ message.content.split('</think>')[-1] }}"
                        + "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}";
        try (RunningServer thinker = RunningServer.start(other, TemplatedModel.write(other, thinking))) {
            String fields =
                    "{\"model\":\"sample\",\"input\":\"Hi\",\"seed\":4,\"max_output_tokens\":8,\"ignore_eos\":true";
            JsonNode whole = thinker.json(thinker.post("/v1/responses", fields + "}"));
            List<JsonNode> events = thinker.events(thinker.post("/v1/responses", fields + ",\"stream\":true}"));
            StringBuilder streamed = new StringBuilder();
            events.forEach(event -> {
                if (event.path("type").asText().equals("response.reasoning_text.delta")) {
                    streamed.append(event.path("delta").asText());
                }
            });
            JsonNode item = whole.at("/output/0");
            assertThat(item.path("type").asText()).isEqualTo("reasoning");
            assertThat(item.at("/content/0/text").asText())
                    .isEqualTo(streamed.toString())
                    .isNotEmpty();
            assertThat(whole.at("/usage/output_tokens_details/reasoning_tokens").intValue())
                    .isEqualTo(8);
            assertThat(events.get(events.size() - 1).path("type").asText()).isEqualTo("response.incomplete");
        }
    }

    /** A model with a token behind which nothing is a number, so that an answer fails in its middle. */
    @Test
    void aFailureEndsTheStream(@TempDir Path other) throws Exception {
        TinyModel model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
        int width = model.config().hidden();
        model.withWeights((name, values) -> {
                    float[] changed = values.clone();
                    if (name.equals(WeightNames.EMBEDDING)) {
                        Arrays.fill(changed, 'x' * width, ('x' + 1) * width, Float.NaN);
                    }
                    return changed;
                })
                .write(other.resolve(RunningServer.MODEL));
        try (RunningServer broken = RunningServer.start(other)) {
            String fields = "{\"model\":\"tiny\",\"input\":\"Hi\",\"guided_choice\":[\"axe\"]";
            List<JsonNode> events = broken.events(broken.post("/v1/responses", fields + ",\"stream\":true}"));
            assertThat(events.get(0).path("type").asText()).isEqualTo("response.created");
            JsonNode last = events.get(events.size() - 1);
            assertThat(last.path("type").asText()).isEqualTo("response.failed");
            assertThat(last.path("sequence_number").intValue()).isEqualTo(events.size() - 1);
            assertThat(last.at("/response/status").asText()).isEqualTo("failed");
            assertThat(last.at("/response/error/code").asText()).isEqualTo("server_error");
            assertThat(last.at("/response/error/message").asText()).contains("not finite");
            HttpResponse<String> whole = broken.post("/v1/responses", fields + "}");
            assertThat(whole.statusCode()).isEqualTo(500);
            assertThat(JSON.readTree(whole.body()).at("/error/code").asText()).isEqualTo("generation_failed");
        }
    }

    @Test
    void itemsMeanWhatMessagesMean() throws Exception {
        String items = "\"instructions\":\"Be kind.\",\"input\":[{\"role\":\"user\",\"content\":\"Weather?\"},"
                + "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"content\":[{\"type\":\"reasoning_text\","
                + "\"text\":\"hm\"}]},{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
                + "\"text\":\"Well\",\"annotations\":[]}]},"
                + "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"get_weather\","
                + "\"arguments\":\"{\\\"city\\\":\\\"Bonn\\\"}\"},"
                + "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"12 degrees\"}]";
        JsonNode response = server.json(respond(items + ",\"max_output_tokens\":1"));
        JsonNode same = server.json(server.post(
                "/v1/completions",
                "{\"model\":\"sample\",\"max_tokens\":1,\"prompt\":\"<|system|>Be kind.<|end|><|user|>Weather?<|end|>"
                        + "<|assistant|>Wellget_weather(Bonn)<|end|><|tool|>12 degrees<|end|><|assistant|>\"}"));
        assertThat(response.at("/usage/input_tokens")).isEqualTo(same.at("/usage/prompt_tokens"));
        assertThat(response.path("status").asText()).isEqualTo("incomplete");
        assertThat(response.at("/incomplete_details/reason").asText()).isEqualTo("max_output_tokens");
        assertThat(response.path("instructions").asText()).isEqualTo("Be kind.");
    }

    @Test
    void logprobsComeWithTheText() throws Exception {
        JsonNode part = server.json(respond(
                        "\"input\":\"" + HOT + "\",\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":2"))
                .at("/output/0/content/0");
        StringBuilder tokens = new StringBuilder();
        part.path("logprobs").forEach(token -> {
            tokens.append(token.path("token").asText());
            assertThat(token.path("top_logprobs")).hasSize(2);
        });
        assertThat(tokens.toString()).startsWith("cold");
    }

    @Test
    void whatIsWrongIsNamed() throws Exception {
        List<List<String>> wrong = List.of(
                List.of("\"a\":1", "input"),
                List.of("\"input\":7", "input"),
                List.of("\"input\":[]", "input"),
                List.of("\"input\":[1]", "input[0]"),
                List.of("\"input\":[{\"role\":\"user\"}]", "input[0].content"),
                List.of("\"input\":[{\"role\":\"king\",\"content\":\"\"}]", "input[0].role"),
                List.of("\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]", "input[0].type"),
                List.of("\"input\":[{\"type\":\"function_call\",\"name\":\"x\"}]", "input[0].call_id"),
                List.of("\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"x\"}]", "input[0].output"),
                List.of(
                        "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]",
                        "input[0].content[0].type"),
                List.of("\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}]", "tools[0].type"),
                List.of("\"input\":\"x\",\"tools\":[{\"type\":\"function\"}]", "tools[0].name"),
                List.of("\"input\":\"x\",\"tools\":[" + WEATHER + "," + WEATHER + "]", "tools[1].name"),
                List.of("\"input\":\"x\",\"tool_choice\":\"required\"", "tool_choice"),
                List.of("\"input\":\"x\",\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}", "tool_choice.name"),
                List.of("\"input\":\"x\",\"text\":{\"format\":{\"type\":\"xml\"}}", "text.format.type"),
                List.of("\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\"}}", "text.format.schema"),
                List.of("\"input\":\"x\",\"text\":{\"verbosity\":\"low\"}", "text.verbosity"),
                List.of("\"input\":\"x\",\"max_output_tokens\":0", "max_output_tokens"),
                List.of("\"input\":\"x\",\"max_tokens\":1", "max_tokens"),
                List.of("\"input\":\"x\",\"n\":2", "n"),
                List.of("\"input\":\"x\",\"json_schema\":{}", "json_schema"),
                List.of("\"input\":\"x\",\"background\":true", "background"),
                List.of("\"input\":\"x\",\"truncation\":\"middle\"", "truncation"),
                List.of("\"input\":\"x\",\"include\":[\"all\"]", "include"),
                List.of("\"input\":\"x\",\"metadata\":{\"a\":1}", "metadata"),
                List.of("\"input\":\"x\",\"conversation\":\"conv_1\"", "conversation"),
                List.of("\"input\":\"" + "x ".repeat(4000) + "\"", "input"));
        for (List<String> fields : wrong) {
            HttpResponse<String> answer = respond(fields.get(0));
            assertThat(answer.statusCode()).as(fields.get(0) + answer.body()).isEqualTo(400);
            assertThat(JSON.readTree(answer.body()).at("/error/param").asText()).isEqualTo(fields.get(1));
        }
        assertThat(respond("\"input\":\"x\",\"json_schema\":{}").body()).contains("text.format");
        assertThat(respond("\"input\":\"x\",\"max_output_tokens\":1,\"inptu\":1")
                        .headers()
                        .firstValue("X-Ignored-Fields"))
                .contains("inptu");
    }
}
