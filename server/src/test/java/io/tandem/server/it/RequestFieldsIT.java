package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What single fields of requests do, by the sample model. */
@Timeout(120)
class RequestFieldsIT {
    private static final String HOT =
            "\"temperature\":0,\"messages\":[{\"role\":\"user\",\"content\":\"What is the opposite of hot?\"}]";
    private static final String ONCE = "\"prompt\":\"Once upon a time\"";

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(directory, Path.of("../config/models/sample"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static JsonNode complete(String fields) throws Exception {
        return server.json(server.post("/v1/completions", "{\"model\":\"sample\"," + fields + "}"));
    }

    private static JsonNode chat(String fields) throws Exception {
        return server.json(server.post("/v1/chat/completions", "{\"model\":\"sample\"," + fields + "}"));
    }

    private static List<JsonNode> stream(String path, String fields) throws Exception {
        return server.events(server.post(path, "{\"model\":\"sample\",\"stream\":true," + fields + "}"));
    }

    private static List<Integer> ints(JsonNode array) {
        List<Integer> ints = new ArrayList<>();
        array.forEach(value -> ints.add(value.intValue()));
        return ints;
    }

    /** As evaluation harnesses score a text: nothing is generated. */
    @Test
    void echoWithLogprobsScoresThePrompt() throws Exception {
        String fields = "\"temperature\":0,\"logprobs\":2,\"return_token_ids\":true,";
        JsonNode continued = complete(fields + ONCE + ",\"max_tokens\":6").at("/choices/0");
        String text = "Once upon a time" + continued.path("text").asText();
        JsonNode echoed = complete(fields + "\"prompt\":\""
                        + text.replace("\"", "\\\"").replace("\n", "\\n") + "\",\"echo\":true,\"max_tokens\":0")
                .at("/choices/0");
        assertThat(echoed.path("text").asText()).isEqualTo(text);
        assertThat(echoed.path("finish_reason").asText()).isEqualTo("length");
        assertThat(ints(echoed.path("token_ids"))).isEmpty();
        List<Integer> ids = ints(echoed.path("prompt_token_ids"));
        assertThat(ids).endsWith(ints(continued.path("token_ids")).toArray(Integer[]::new));
        JsonNode scores = echoed.path("logprobs");
        assertThat(scores.path("tokens")).hasSameSizeAs(ids);
        assertThat(scores.at("/token_logprobs/0").isNull()).isTrue();
        assertThat(scores.at("/top_logprobs/0").isNull()).isTrue();
        assertThat(ints(scores.path("text_offset"))).startsWith(0).isSorted().hasSameSizeAs(ids);
        int before = ids.size() - continued.path("token_ids").size();
        for (int i = 0; i < continued.path("token_ids").size(); i++) {
            assertThat(scores.at("/token_logprobs/" + (before + i)).doubleValue())
                    .isCloseTo(continued.at("/logprobs/token_logprobs/" + i).doubleValue(), within(1e-4));
            assertThat(scores.at("/top_logprobs/" + (before + i))).hasSize(2);
        }
    }

    @Test
    void aPromptsScoresDoNotDependOnWhatIsCachedOfIt() throws Exception {
        String fields = "\"logprobs\":1,\"echo\":true,\"max_tokens\":1,\"temperature\":0,\"prompt\":\""
                + "The cat sat on the mat. ".repeat(12) + "\"";
        JsonNode first = complete(fields).at("/choices/0/logprobs");
        JsonNode second = complete(fields).at("/choices/0/logprobs");
        assertThat(first.path("tokens").size()).isGreaterThan(64);
        assertThat(second).isEqualTo(first);
    }

    @Test
    void anEchoIsTheFirstTextOfAStream() throws Exception {
        String fields = ONCE + ",\"temperature\":0,\"max_tokens\":4,\"echo\":true,\"logprobs\":0";
        JsonNode whole = complete(fields).at("/choices/0");
        List<JsonNode> chunks = stream("/v1/completions", fields);
        assertThat(chunks.stream()
                        .map(chunk -> chunk.at("/choices/0/text").asText())
                        .collect(Collectors.joining()))
                .isEqualTo(whole.path("text").asText())
                .startsWith("Once upon a time");
        assertThat(chunks.stream()
                        .mapToInt(
                                chunk -> chunk.at("/choices/0/logprobs/tokens").size())
                        .sum())
                .isEqualTo(whole.at("/logprobs/tokens").size());
    }

    @Test
    void promptLogprobsAreKeyedByTokenId() throws Exception {
        JsonNode completion = complete(ONCE + ",\"prompt_logprobs\":3,\"max_tokens\":1,\"return_token_ids\":true")
                .at("/choices/0");
        JsonNode chat = chat(HOT + ",\"prompt_logprobs\":0,\"return_token_ids\":true");
        for (JsonNode scored : List.of(completion, chat)) {
            JsonNode positions = scored.path("prompt_logprobs");
            List<Integer> ids = ints(scored.path("prompt_token_ids"));
            assertThat(positions).hasSameSizeAs(ids);
            assertThat(positions.get(0).isNull()).isTrue();
            for (int i = 1; i < ids.size(); i++) {
                JsonNode entry = positions.get(i).path(ids.get(i).toString());
                assertThat(entry.path("logprob").doubleValue()).isNegative();
                assertThat(entry.path("decoded_token").isTextual()).isTrue();
            }
        }
        assertThat(completion.at("/prompt_logprobs/1").size()).isBetween(3, 4);
        assertThat(chat.at("/prompt_logprobs/1")).hasSize(1);
    }

    @Test
    void tokenIdsAreThoseOfTheText() throws Exception {
        JsonNode whole = chat(HOT + ",\"return_token_ids\":true");
        List<JsonNode> chunks = stream("/v1/chat/completions", HOT + ",\"return_token_ids\":true");
        assertThat(ints(chunks.get(0).path("prompt_token_ids"))).isEqualTo(ints(whole.path("prompt_token_ids")));
        assertThat(chunks.stream().filter(chunk -> chunk.has("prompt_token_ids")))
                .hasSize(1);
        assertThat(chunks.stream()
                        .flatMap(chunk -> ints(chunk.at("/choices/0/token_ids")).stream())
                        .toList())
                .isEqualTo(ints(whole.at("/choices/0/token_ids")))
                .isNotEmpty();
        List<JsonNode> completed = stream("/v1/completions", ONCE + ",\"max_tokens\":3,\"return_token_ids\":true");
        assertThat(completed.get(0).at("/choices/0").has("prompt_token_ids")).isTrue();
        assertThat(completed.stream().filter(chunk -> chunk.at("/choices/0").has("prompt_token_ids")))
                .hasSize(1);
        String ids = whole.path("prompt_token_ids").toString();
        assertThat(complete("\"temperature\":0,\"prompt\":" + ids)
                        .at("/choices/0/text")
                        .asText())
                .isEqualTo("cold");
    }

    @Test
    void nothingEndsAnAnswerBeforeMinTokens() throws Exception {
        JsonNode longer = chat(HOT + ",\"min_tokens\":9,\"max_tokens\":12,\"stop\":\"o\"");
        assertThat(longer.at("/usage/completion_tokens").intValue()).isBetween(9, 12);
        assertThat(longer.at("/choices/0/message/content").asText()).startsWith("cold");
    }

    @Test
    void stopTokensEndAnAnswerAndMayBeKept() throws Exception {
        List<Integer> ids = ints(chat(HOT + ",\"return_token_ids\":true").at("/choices/0/token_ids"));
        int last = ids.get(ids.size() - 1);
        String fields = HOT + ",\"return_token_ids\":true,\"ignore_eos\":true,\"max_tokens\":20,\"stop_token_ids\":["
                + last + "]";
        JsonNode cut = chat(fields).at("/choices/0");
        assertThat(cut.path("finish_reason").asText()).isEqualTo("stop");
        assertThat(ints(cut.path("token_ids"))).isEqualTo(ids.subList(0, ids.indexOf(last)));
        JsonNode kept = chat(fields + ",\"include_stop_str_in_output\":true").at("/choices/0");
        assertThat(ints(kept.path("token_ids"))).isEqualTo(ids.subList(0, ids.indexOf(last) + 1));
        assertThat(kept.path("finish_reason").asText()).isEqualTo("stop");
    }

    @Test
    void aStopTextMayBeKept() throws Exception {
        assertThat(chat(HOT + ",\"stop\":\"l\"")
                        .at("/choices/0/message/content")
                        .asText())
                .isEqualTo("co");
        assertThat(chat(HOT + ",\"stop\":\"l\",\"include_stop_str_in_output\":true")
                        .at("/choices/0/message/content")
                        .asText())
                .isEqualTo("col");
    }

    @Test
    void specialTokensAreShownWhenAskedFor() throws Exception {
        String fields = HOT + ",\"ignore_eos\":true,\"max_tokens\":8";
        assertThat(chat(fields).at("/choices/0/message/content").asText()).doesNotContain("<|end|>");
        assertThat(chat(fields + ",\"skip_special_tokens\":false")
                        .at("/choices/0/message/content")
                        .asText())
                .startsWith("cold<|end|>");
    }

    @Test
    void theBestOfManyHasTheHighestMeanLogprob() throws Exception {
        String fields = ONCE + ",\"max_tokens\":8,\"seed\":11";
        JsonNode all = complete(fields + ",\"n\":6,\"logprobs\":0").path("choices");
        List<String> ranked = IntStream.range(0, 6)
                .mapToObj(all::get)
                .sorted(Comparator.comparingDouble(RequestFieldsIT::meanLogprob).reversed())
                .map(choice -> choice.path("text").asText())
                .toList();
        JsonNode best = complete(fields + ",\"best_of\":6,\"n\":2");
        assertThat(best.path("choices").findValuesAsText("text")).isEqualTo(ranked.subList(0, 2));
        assertThat(best.path("choices").findValuesAsText("index")).containsExactly("0", "1");
        assertThat(best.at("/choices/0/logprobs").isNull()).isTrue();
        assertThat(best.at("/usage/completion_tokens").intValue()).isGreaterThan(16);
    }

    private static double meanLogprob(JsonNode choice) {
        List<Double> logprobs = new ArrayList<>();
        choice.at("/logprobs/token_logprobs").forEach(value -> logprobs.add(value.doubleValue()));
        return logprobs.stream().mapToDouble(value -> value).average().orElse(0);
    }

    @Test
    void minPOfOneIsGreedy() throws Exception {
        String greedy =
                complete(ONCE + ",\"temperature\":0").at("/choices/0/text").asText();
        assertThat(complete(ONCE + ",\"temperature\":2,\"min_p\":1")
                        .at("/choices/0/text")
                        .asText())
                .isEqualTo(greedy);
    }

    @Test
    void aRepetitionPenaltyCountsThePrompt() throws Exception {
        String fields =
                "\"prompt\":\"a b a b a b a b a\",\"temperature\":0,\"max_tokens\":12,\"return_token_ids\":true";
        JsonNode plain = complete(fields).at("/choices/0");
        JsonNode penalized = complete(fields + ",\"repetition_penalty\":2").at("/choices/0");
        List<Integer> ids = ints(penalized.path("token_ids"));
        assertThat(repeats(penalized)).isLessThan(repeats(plain));
        assertThat(ids).isNotEqualTo(ints(plain.path("token_ids")));
    }

    /** Tokens of the answer that were there before. */
    private static long repeats(JsonNode choice) {
        List<Integer> seen = ints(choice.path("prompt_token_ids"));
        long repeats = 0;
        for (int id : ints(choice.path("token_ids"))) {
            repeats += seen.contains(id) ? 1 : 0;
            seen.add(id);
        }
        return repeats;
    }

    @Test
    void aTruncatedPromptKeepsItsEnd() throws Exception {
        JsonNode whole =
                complete(ONCE + ",\"return_token_ids\":true,\"max_tokens\":1").at("/choices/0");
        JsonNode cut = complete(ONCE + ",\"return_token_ids\":true,\"max_tokens\":1,\"truncate_prompt_tokens\":3");
        List<Integer> ids = ints(whole.path("prompt_token_ids"));
        assertThat(ints(cut.at("/choices/0/prompt_token_ids"))).isEqualTo(ids.subList(ids.size() - 3, ids.size()));
        assertThat(cut.at("/usage/prompt_tokens").intValue()).isEqualTo(3);
    }

    @Test
    void anAnswerMayGoOnWithTheLastMessage() throws Exception {
        String begun =
                "\"temperature\":0,\"messages\":[{\"role\":\"user\",\"content\":\"What is the opposite of hot?\"},"
                        + "{\"role\":\"assistant\",\"content\":\"co\"}]";
        JsonNode continued = chat(begun + ",\"continue_final_message\":true,\"return_token_ids\":true");
        JsonNode whole = chat(HOT + ",\"return_token_ids\":true");
        assertThat(continued.path("prompt_token_ids").size())
                .isGreaterThan(whole.path("prompt_token_ids").size());
        assertThat(continued.at("/choices/0/message/content").asText()).isEqualTo("ld");
        HttpResponse<String> refused = server.post(
                "/v1/chat/completions", "{\"model\":\"sample\"," + HOT + ",\"continue_final_message\":true}");
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(refused.body()).contains("\"param\":\"continue_final_message\"");
        assertThat(server.post(
                                "/v1/chat/completions",
                                "{\"model\":\"sample\"," + begun
                                        + ",\"continue_final_message\":true,\"add_generation_prompt\":true}")
                        .statusCode())
                .isEqualTo(400);
    }

    @Test
    void fieldsThatNobodyKnowsAreListedInAHeader() throws Exception {
        HttpResponse<String> answer = server.post(
                "/v1/completions",
                "{\"model\":\"sample\"," + ONCE + ",\"max_tokens\":1,\"temprature\":1,\"a\\r\\nb: c\":2}");
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("X-Ignored-Fields")).contains("temprature, a??b??c");
        assertThat(server.post("/v1/completions", "{\"model\":\"sample\"," + ONCE + ",\"max_tokens\":1}")
                        .headers()
                        .firstValue("X-Ignored-Fields"))
                .isEmpty();
    }
}
