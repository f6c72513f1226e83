package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What further fields of requests do, by the sample model with a template and a tokenizer that show it. */
@Timeout(120)
class FieldEffectsIT {
    private static final String TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
            + "{% if reasoning_effort %} Effort: {{ reasoning_effort }}{% endif %}{% if enable_thinking %} Think of it."
            + "{% elif enable_thinking is defined %} Do not think.{% endif %}"
            + "{% if add_generation_prompt %}<|assistant|>{% endif %}";
    private static final String PROMPT = "\"prompt\":\"Once upon a time\"";
    private static final String CHAT = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static int first;

    @BeforeAll
    static void start() throws IOException {
        Path model = TemplatedModel.write(directory, TEMPLATE);
        first = beginTextsWith("<|end|>", model.resolve("tokenizer.json"));
        server = RunningServer.start(directory, model);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** Makes a tokenizer put a token before each text; returns its id. */
    private static int beginTextsWith(String token, Path file) throws IOException {
        JsonMapper json = new JsonMapper();
        ObjectNode tokenizer = (ObjectNode) json.readTree(file.toFile());
        int id = -1;
        for (JsonNode added : tokenizer.path("added_tokens")) {
            id = added.path("content").asText().equals(token) ? added.path("id").intValue() : id;
        }
        String special = "{\"SpecialToken\":{\"id\":\"%s\",\"type_id\":0}}".formatted(token);
        tokenizer.set(
                "post_processor",
                json.readTree(
                        ("{\"type\":\"TemplateProcessing\",\"single\":[%1$s,{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
                                        + "\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],"
                                        + "\"special_tokens\":{\"%2$s\":{\"id\":\"%2$s\",\"ids\":[%3$d],\"tokens\":[\"%2$s\"]}}}")
                                .formatted(special, token, id)));
        json.writeValue(file.toFile(), tokenizer);
        return id;
    }

    private static JsonNode complete(String fields) throws Exception {
        return server.json(server.post("/v1/completions", "{\"model\":\"sample\"," + PROMPT + "," + fields + "}"));
    }

    private static JsonNode chat(String fields) throws Exception {
        return server.json(server.post("/v1/chat/completions", "{\"model\":\"sample\"," + CHAT + "," + fields + "}"));
    }

    private static List<Integer> ints(JsonNode array) {
        List<Integer> ints = new ArrayList<>();
        array.forEach(value -> ints.add(value.intValue()));
        return ints;
    }

    @Test
    void addSpecialTokensIsForTheBeginningOfTexts() throws Exception {
        String fields = "\"max_tokens\":1,\"return_token_ids\":true";
        List<Integer> with = ints(complete(fields).at("/choices/0/prompt_token_ids"));
        List<Integer> without =
                ints(complete(fields + ",\"add_special_tokens\":false").at("/choices/0/prompt_token_ids"));
        assertThat(with).startsWith(first).hasSize(without.size() + 1);
        assertThat(with.subList(1, with.size())).isEqualTo(without);
    }

    @Test
    void chatTemplateKwargsAreTheTemplatesVariables() throws Exception {
        String fields = "\"max_tokens\":1,\"return_token_ids\":true";
        JsonNode plain = chat(fields);
        JsonNode thinking = chat(fields + ",\"chat_template_kwargs\":{\"enable_thinking\":true}");
        assertThat(text(plain)).isEqualTo("Hi<|assistant|>");
        assertThat(text(thinking)).isEqualTo("Hi Think of it.<|assistant|>");
    }

    @Test
    void reasoningEffortIsAVariableOfTheTemplateToo() throws Exception {
        for (String effort : List.of("low", "high")) {
            JsonNode chat = chat("\"max_tokens\":1,\"return_token_ids\":true,\"reasoning_effort\":\"" + effort + "\"");
            assertThat(text(chat)).isEqualTo("Hi Effort: " + effort + "<|assistant|>");
            assertThat(inputTokens("\"reasoning\":{\"effort\":\"" + effort + "\",\"summary\":null}"))
                    .isEqualTo(chat.at("/usage/prompt_tokens").intValue())
                    .isGreaterThan(inputTokens("\"reasoning\":{}"));
        }
        String thinking = ",\"chat_template_kwargs\":{\"enable_thinking\":true}";
        String none = "\"max_tokens\":1,\"return_token_ids\":true,\"reasoning_effort\":\"none\"";
        assertThat(text(chat(none))).isEqualTo("Hi Effort: none Do not think.<|assistant|>");
        assertThat(text(chat(none + thinking))).isEqualTo("Hi Effort: none Think of it.<|assistant|>");
    }

    private static int inputTokens(String fields) throws Exception {
        String body = "{\"model\":\"sample\",\"input\":\"Hi\",\"max_output_tokens\":1," + fields + "}";
        return server.json(server.post("/v1/responses", body))
                .at("/usage/input_tokens")
                .intValue();
    }

    @Test
    void addGenerationPromptLetsTheAssistantBegin() throws Exception {
        JsonNode bare = chat("\"max_tokens\":1,\"return_token_ids\":true,\"add_generation_prompt\":false");
        assertThat(text(bare)).isEqualTo("Hi");
    }

    private static String text(JsonNode chat) throws Exception {
        return server.json(server.post("/detokenize", "{\"tokens\":" + chat.path("prompt_token_ids") + "}"))
                .path("prompt")
                .asText();
    }

    @Test
    void onlyTheMostLikelyTokenIsLeftOfTopKOneAndTopPZero() throws Exception {
        String greedy = complete("\"temperature\":0").at("/choices/0/text").asText();
        for (String one : List.of("\"top_k\":1", "\"top_p\":0", "\"top_p\":0.0001")) {
            assertThat(complete("\"temperature\":2,\"seed\":3," + one)
                            .at("/choices/0/text")
                            .asText())
                    .as(one)
                    .isEqualTo(greedy);
        }
        String hot = "\"temperature\":2,\"seed\":3";
        String all = complete(hot).at("/choices/0/text").asText();
        assertThat(all).isNotEqualTo(greedy);
        assertThat(complete(hot + ",\"top_k\":-1,\"top_p\":1")
                        .at("/choices/0/text")
                        .asText())
                .isEqualTo(all);
    }

    @Test
    void penaltiesMakeAnAnswerRepeatLess() throws Exception {
        String fields = "\"temperature\":0,\"max_tokens\":120,\"ignore_eos\":true,\"return_token_ids\":true";
        int plain = different(complete(fields));
        for (String penalty : List.of("\"presence_penalty\":2", "\"frequency_penalty\":2")) {
            assertThat(different(complete(fields + "," + penalty))).as(penalty).isGreaterThan(plain);
        }
        for (String reward : List.of("\"presence_penalty\":-2", "\"frequency_penalty\":-2")) {
            assertThat(different(complete(fields + "," + reward))).as(reward).isLessThan(plain);
        }
    }

    private static int different(JsonNode completion) {
        return new HashSet<>(ints(completion.at("/choices/0/token_ids"))).size();
    }

    @Test
    void maxCompletionTokensEndsAnAnswer() throws Exception {
        for (JsonNode answer : List.of(
                chat("\"max_completion_tokens\":2,\"ignore_eos\":true"),
                complete("\"max_completion_tokens\":2,\"ignore_eos\":true"))) {
            assertThat(answer.at("/usage/completion_tokens").intValue()).isEqualTo(2);
            assertThat(answer.at("/choices/0/finish_reason").asText()).isEqualTo("length");
        }
    }

    @Test
    void includeUsageEndsAStreamWithTheNumbersOfTokens() throws Exception {
        for (String request : List.of("/v1/completions {" + PROMPT, "/v1/chat/completions {" + CHAT)) {
            String[] parts = request.split(" ", 2);
            String body = parts[1] + ",\"model\":\"sample\",\"max_tokens\":3,\"ignore_eos\":true,\"stream\":true";
            List<JsonNode> with =
                    server.events(server.post(parts[0], body + ",\"stream_options\":{\"include_usage\":true}}"));
            JsonNode last = with.get(with.size() - 1);
            assertThat(last.path("choices")).isEmpty();
            assertThat(last.at("/usage/completion_tokens").intValue()).isEqualTo(3);
            assertThat(with.subList(0, with.size() - 1))
                    .allSatisfy(
                            chunk -> assertThat(chunk.path("usage").isNull()).isTrue());
            assertThat(server.events(server.post(parts[0], body + "}")))
                    .allSatisfy(chunk -> assertThat(chunk.has("usage")).isFalse());
        }
    }
}
