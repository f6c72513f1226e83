package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.text.grammar.Validator;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tool calls and thoughts, by the sample model with chat templates in the style of others. */
@Timeout(120)
class ToolsIT {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String PARAMETERS = """
            {"type":"object","properties":{"city":{"type":"string","minLength":1,"maxLength":12},
             "unit":{"enum":["celsius","fahrenheit"]}},"required":["city","unit"],"additionalProperties":false}""";
    private static final String TOOLS = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\","
            + "\"description\":\"The weather\",\"parameters\":" + PARAMETERS + "}},"
            + "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";
    private static final String HISTORY = "{\"role\":\"user\",\"content\":\"Weather?\"},"
            + "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_abc\",\"type\":\"function\","
            + "\"function\":{\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\":\\\"Bonn\\\"}\"}}]},"
            + "{\"role\":\"tool\",\"tool_call_id\":\"call_abc\",\"content\":\"12 degrees\"}";

    @TempDir
    private Path directory;

    private RunningServer start(String template) throws IOException {
        return RunningServer.start(directory, TemplatedModel.write(directory, template));
    }

    private static HttpResponse<String> chat(RunningServer server, String messages, String fields) throws Exception {
        return server.post(
                "/v1/chat/completions",
                "{\"model\":\"sample\",\"seed\":4,\"messages\":[" + messages + "]," + fields + "}");
    }

    private static HttpResponse<String> chat(RunningServer server, String fields) throws Exception {
        return chat(server, "{\"role\":\"user\",\"content\":\"What is 7 plus 8?\"}", fields);
    }

    private static void requireCall(JsonNode call) throws IOException {
        assertThat(call.path("type").asText()).isEqualTo("function");
        String arguments = call.at("/function/arguments").textValue();
        if (call.at("/function/name").asText().equals("now")) {
            assertThat(arguments).isEqualTo("{}");
        } else {
            assertThat(call.at("/function/name").asText()).isEqualTo("get_weather");
            assertThat(new Validator(JSON.readTree(PARAMETERS)).errors(arguments))
                    .isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "<tool_call>,call_[0-9a-f]{24}",
        "[TOOL_CALLS],[0-9a-f]{9}",
        "[TOOL_CALLS][ARGS],[0-9a-f]{9}",
        "python_tag,call_[0-9a-f]{24}"
    })
    void callsCanBeForced(String words, String ids) throws Exception {
        try (RunningServer server = start(TemplatedModel.tools(words))) {
            Set<String> seen = new HashSet<>();
            JsonNode answer = server.json(chat(
                    server,
                    TOOLS + ",\"n\":4,\"max_tokens\":90,\"parallel_tool_calls\":false,\"tool_choice\":\"required\""));
            for (JsonNode choice : answer.path("choices")) {
                assertThat(choice.path("finish_reason").asText())
                        .as(choice.toString())
                        .isEqualTo("tool_calls");
                assertThat(choice.at("/message/content").isNull()).isTrue();
                assertThat(choice.at("/message/tool_calls")).hasSize(1);
                requireCall(choice.at("/message/tool_calls/0"));
                assertThat(seen.add(choice.at("/message/tool_calls/0/id").asText()))
                        .isTrue();
            }
            assertThat(seen).hasSize(4).allMatch(id -> id.matches(ids));
            JsonNode named = server.json(chat(
                            server,
                            TOOLS + ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}}"))
                    .at("/choices/0/message/tool_calls");
            assertThat(named).hasSize(1);
            requireCall(named.get(0));
            assertThat(named.at("/0/function/name").asText()).isEqualTo("get_weather");
            streams(server);
        }
    }

    /** The deltas of a call: index, id and name first, then its arguments. */
    private static void streams(RunningServer server) throws Exception {
        List<JsonNode> events = server.events(
                chat(
                        server,
                        TOOLS
                                + ",\"stream\":true,\"parallel_tool_calls\":false,\"tool_choice\":\"required\",\"max_tokens\":90"));
        StringBuilder arguments = new StringBuilder();
        ObjectNode call = JSON.createObjectNode();
        String finish = "";
        for (JsonNode event : events) {
            JsonNode choice = event.at("/choices/0");
            assertThat(choice.at("/delta/content").asText("")).isEmpty();
            for (JsonNode delta : choice.at("/delta/tool_calls")) {
                assertThat(delta.path("index").intValue()).isZero();
                if (delta.has("id")) {
                    assertThat(arguments).isEmpty();
                    call.set("type", delta.path("type"));
                    call.putObject("function").set("name", delta.at("/function/name"));
                }
                arguments.append(delta.at("/function/arguments").asText());
            }
            finish = choice.path("finish_reason").asText("");
        }
        ((ObjectNode) call.path("function")).put("arguments", arguments.toString());
        requireCall(call);
        assertThat(finish).isEqualTo("tool_calls");
    }

    @Test
    void theModelMayCallOrNot() throws Exception {
        try (RunningServer server = start(TemplatedModel.tools("<tool_call>"))) {
            JsonNode text = server.json(chat(server, TOOLS + ",\"guided_choice\":[\"No. <tool_call> no\"]"))
                    .at("/choices/0");
            assertThat(text.path("finish_reason").asText()).isEqualTo("stop");
            assertThat(text.at("/message/content").asText()).isEqualTo("No. <tool_call> no");
            assertThat(text.path("message").has("tool_calls")).isFalse();
            String calls = "Let me see.\\n<tool_call>{\\\"name\\\":\\\"now\\\",\\\"arguments\\\":{}}</tool_call>\\n"
                    + "<tool_call>{\\\"name\\\":\\\"get_weather\\\",\\\"arguments\\\":{\\\"city\\\":\\\"Rome\\\"}}</tool_call>";
            JsonNode called = server.json(
                            chat(server, TOOLS + ",\"max_tokens\":120,\"guided_choice\":[\"" + calls + "\"]"))
                    .at("/choices/0");
            assertThat(called.path("finish_reason").asText()).isEqualTo("tool_calls");
            assertThat(called.at("/message/content").asText()).isEqualTo("Let me see.");
            assertThat(called.at("/message/tool_calls").findValuesAsText("name"))
                    .containsExactly("now", "get_weather");
            JsonNode without = server.json(chat(
                            server,
                            TOOLS + ",\"tool_choice\":\"none\",\"max_tokens\":120,\"guided_choice\":[\"" + calls
                                    + "\"]"))
                    .at("/choices/0/message");
            assertThat(without.path("content").asText()).contains("<tool_call>");
            assertThat(without.has("tool_calls")).isFalse();
        }
    }

    @Test
    void callsAndTheirResultsAreShownToTheModel() throws Exception {
        try (RunningServer server = start(TemplatedModel.tools("<tool_call>"))) {
            JsonNode with = server.json(chat(server, HISTORY, "\"max_tokens\":2," + TOOLS));
            JsonNode without = server.json(chat(server, HISTORY, "\"max_tokens\":2"));
            assertThat(with.at("/usage/prompt_tokens").intValue())
                    .isGreaterThan(without.at("/usage/prompt_tokens").intValue() + 5);
            JsonNode same = server.json(server.post(
                    "/v1/completions",
                    "{\"model\":\"sample\",\"max_tokens\":1,\"prompt\":\"<|user|>Weather?<|end|>"
                            + "<|assistant|>get_weather(Bonn)<|end|><|tool|>12 degrees<|end|><|assistant|>\"}"));
            assertThat(same.at("/usage/prompt_tokens")).isEqualTo(without.at("/usage/prompt_tokens"));
        }
    }

    @Test
    void whatIsWrongIsNamed() throws Exception {
        try (RunningServer server = start(TemplatedModel.tools("<tool_call>"))) {
            List<List<String>> wrong = List.of(
                    List.of("\"tools\":{}", "tools"),
                    List.of("\"tools\":[{\"type\":\"retrieval\"}]", "tools[0].type"),
                    List.of("\"tools\":[{\"type\":\"function\"}]", "tools[0].function"),
                    List.of(
                            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]",
                            "tools[0].function.name"),
                    List.of("\"tool_choice\":\"required\"", "tool_choice"),
                    List.of(TOOLS + ",\"tool_choice\":\"sometimes\"", "tool_choice"),
                    List.of(
                            TOOLS + ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"x\"}}",
                            "tool_choice.function.name"),
                    List.of(TOOLS + ",\"tool_choice\":\"required\",\"guided_regex\":\"a\"", "tool_choice"),
                    List.of(
                            "\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                                    + "\"parameters\":{\"not\":{}}}}]",
                            "tools"));
            for (List<String> fields : wrong) {
                HttpResponse<String> answer = chat(server, fields.get(0));
                assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
                assertThat(JSON.readTree(answer.body()).at("/error/param").asText())
                        .isEqualTo(fields.get(1));
            }
        }
    }

    @Test
    void aModelWithoutToolsSaysSo() throws Exception {
        try (RunningServer server = RunningServer.start(directory, Path.of("../config/models/sample"))) {
            for (HttpResponse<String> answer :
                    List.of(chat(server, TOOLS), chat(server, HISTORY, "\"max_tokens\":1"))) {
                assertThat(answer.statusCode()).isEqualTo(400);
                assertThat(answer.body()).contains("chat template has none");
            }
            ArrayNode empty =
                    (ArrayNode) server.json(chat(server, "\"tools\":[],\"tool_choice\":\"auto\",\"max_tokens\":1"))
                            .path("choices");
            assertThat(empty).hasSize(1);
        }
    }

    /** A template that opens the thoughts itself, so that all that is said before their end is one. */
    @Test
    void thoughtsStandBesideTheAnswer() throws Exception {
        String thinking =
                "{% for message in messages %}<|{{ message.role }}|>{{ message.content.split('</think>')[-1] }}"
                        + "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}";
        try (RunningServer server = start(thinking)) {
            JsonNode thought = server.json(chat(server, "\"max_tokens\":8,\"ignore_eos\":true"))
                    .at("/choices/0/message");
            assertThat(thought.path("content").asText()).isEmpty();
            assertThat(thought.path("reasoning_content").asText()).isNotEmpty();
            StringBuilder streamed = new StringBuilder();
            for (JsonNode event : server.events(chat(server, "\"max_tokens\":8,\"ignore_eos\":true,\"stream\":true"))) {
                streamed.append(event.at("/choices/0/delta/reasoning_content").asText(""));
            }
            assertThat(streamed.toString())
                    .isEqualTo(thought.path("reasoning_content").asText());
            // A format is that of the answer, so nothing is thought before it.
            JsonNode formatted =
                    server.json(chat(server, "\"guided_choice\":[\"yes\"]")).at("/choices/0/message");
            assertThat(formatted.path("content").asText()).isEqualTo("yes");
        }
    }
}
