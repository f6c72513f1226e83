package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Details of answers that clients rely on, by the sample model. */
@Timeout(120)
class AnswerIT {
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

    private static List<JsonNode> stream(String path, String fields) throws Exception {
        return server.events(server.post(path, "{\"model\":\"sample\",\"stream\":true," + fields + "}")).stream()
                .map(event -> event.at("/choices/0"))
                .toList();
    }

    @Test
    void aChatsStreamOpensWithTheRoleAlone() throws Exception {
        List<JsonNode> chunks = stream(
                "/v1/chat/completions",
                "\"temperature\":0,\"logprobs\":true,"
                        + "\"messages\":[{\"role\":\"user\",\"content\":\"What is the opposite of hot?\"}]");
        assertThat(chunks.get(0).toString())
                .isEqualTo("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                        + "\"logprobs\":null,\"finish_reason\":null}");
        String text = chunks.stream()
                .map(chunk -> chunk.at("/delta/content").asText())
                .collect(Collectors.joining());
        String tokens = chunks.stream()
                .flatMap(chunk ->
                        StreamSupport.stream(chunk.at("/logprobs/content").spliterator(), false))
                .map(token -> token.path("token").asText())
                .collect(Collectors.joining());
        assertThat(text).isEqualTo("cold");
        assertThat(tokens).isEqualTo(text);
        assertThat(chunks.stream().filter(chunk -> chunk.path("delta").has("role")))
                .hasSize(1);
    }

    @Test
    void textOffsetsGoOnThroughAStream() throws Exception {
        String fields = "\"prompt\":\"Once upon a time\",\"temperature\":0,\"max_tokens\":5,\"logprobs\":0";
        List<Integer> whole = offsets(List.of(complete(fields).at("/choices/0")));
        assertThat(whole).hasSize(5).startsWith(0).isSorted().doesNotHaveDuplicates();
        assertThat(offsets(stream("/v1/completions", fields))).isEqualTo(whole);
    }

    private static List<Integer> offsets(List<JsonNode> choices) {
        List<Integer> offsets = new ArrayList<>();
        choices.forEach(choice -> choice.at("/logprobs/text_offset").forEach(offset -> offsets.add(offset.intValue())));
        return offsets;
    }

    /** Each is one byte of a character, and would have the key U+FFFD. */
    @Test
    void tokensThatAreNoTextKeepTheirLogProbabilities() throws Exception {
        JsonNode logprobs = complete("\"prompt\":\"Once\",\"temperature\":0,\"max_tokens\":1,\"logprobs\":5,"
                        + "\"logit_bias\":{\"245\":50,\"246\":49,\"247\":48,\"248\":47,\"249\":46}")
                .at("/choices/0/logprobs");
        String sampled = logprobs.at("/tokens/0").asText();
        assertThat(sampled).matches("bytes:\\\\x[0-9a-f]{2}");
        JsonNode top = logprobs.at("/top_logprobs/0");
        assertThat(top).hasSize(5);
        assertThat(top.path(sampled).doubleValue())
                .isEqualTo(logprobs.at("/token_logprobs/0").doubleValue())
                .isGreaterThan(-1);
    }

    @Test
    void promptsOfOneRequestAreSampledIndependently() throws Exception {
        String prompts = "\"prompt\":[" + "\"Once upon a time\",".repeat(7) + "\"Once upon a time\"],\"max_tokens\":16";
        assertThat(complete(prompts).findValuesAsText("text").stream().distinct())
                .hasSizeGreaterThan(1);
        assertThat(complete(prompts + ",\"seed\":7").findValuesAsText("text").stream()
                        .distinct())
                .hasSize(1);
    }

    @Test
    void tokensBehindAStopTextAreNotCounted() throws Exception {
        for (int i = 0; i < 5; i++) {
            JsonNode answer = complete("\"prompt\":\"Once upon a time\",\"temperature\":0,\"max_tokens\":100,"
                    + "\"logprobs\":0,\"stop\":\" a\"");
            assertThat(answer.at("/choices/0/finish_reason").asText()).isEqualTo("stop");
            assertThat(answer.at("/usage/completion_tokens").intValue())
                    .isEqualTo(answer.at("/choices/0/logprobs/tokens").size());
        }
    }
}
