package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What people are told before anything trains. */
@Timeout(60)
class DryRunIT {
    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static HttpResponse<String> ask(String path, String content, String hyperparameters) throws Exception {
        String file = server.upload("train.jsonl", content);
        return server.post(
                path,
                "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"hyperparameters\":{" + hyperparameters
                        + "}}");
    }

    @Test
    void aDryRunShowsTokensMemoryCostAndTime() throws Exception {
        String two = "{\"prompt\":\"abc\",\"completion\":\"de\",\"ability\":\"letters\"}\n"
                + "{\"prompt\":\"ab\",\"completion\":\"c\"}\n";
        JsonNode answer =
                server.json(ask("/v1/fine_tuning/jobs/dry_run", two, "\"n_epochs\":3,\"batch_size\":1,\"rank\":4"));
        // Each letter is a token, and the end of the text is one more that is learned.
        assertThat(answer.at("/training_file/tokens").asInt()).isEqualTo(6 + 4);
        assertThat(answer.at("/training_file/learned_tokens").asInt()).isEqualTo(3 + 2);
        assertThat(answer.at("/training_file/abilities/letters").asInt()).isEqualTo(1);
        assertThat(answer.at("/training_file/formats/completion").asInt()).isEqualTo(2);
        assertThat(answer.at("/training/steps").asInt()).isEqualTo(6);
        assertThat(answer.at("/training/trained_tokens").asInt()).isEqualTo(30);
        assertThat(answer.at("/training/estimated_seconds").asDouble()).isPositive();
        assertThat(answer.at("/memory/fits").asBoolean()).isTrue();
        assertThat(StreamSupport.stream(answer.at("/memory/parts").spliterator(), false)
                        .mapToLong(JsonNode::asLong)
                        .sum())
                .isEqualTo(answer.at("/memory/needed_bytes").asLong());
        String learned = StreamSupport.stream(answer.at("/preview/0/tokens").spliterator(), false)
                .map(token -> token.path("learned").asBoolean()
                        ? "[" + token.path("text").asText() + "]"
                        : token.path("text").asText())
                .collect(Collectors.joining());
        assertThat(learned).startsWith("abc[d][e][");
        assertThat(server.json(server.get("/v1/fine_tuning/jobs")).path("data")).isEmpty();
    }

    @Test
    void aDryRunOfAWrongFileNamesItsLines() throws Exception {
        HttpResponse<String> answer = ask("/v1/fine_tuning/jobs/dry_run", "{\"text\":\"a\"}\nnonsense\n", "");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("training_file").contains("line 2: is not valid JSON");
    }

    @Test
    void longExamplesAreCutOnlyWhenAskedFor() throws Exception {
        String tooLong = "{\"text\":\"" + "a".repeat(RunningServer.CONTEXT + 50) + "\"}\n";
        HttpResponse<String> refused = ask("/v1/fine_tuning/jobs/dry_run", tooLong, "");
        assertThat(refused.body()).contains("line 1: has more than " + RunningServer.CONTEXT + " tokens");
        JsonNode cut = server.json(ask("/v1/fine_tuning/jobs/dry_run", tooLong, "\"truncate\":true"));
        assertThat(cut.at("/training_file/truncated").asInt()).isEqualTo(1);
        assertThat(cut.at("/training_file/longest_tokens").asInt()).isEqualTo(RunningServer.CONTEXT);
    }

    @Test
    void aJobThatCannotFitIsRefusedWithTheNumbers(@TempDir Path other) throws Exception {
        try (RunningServer small = RunningServer.withTrainingMemory(other, 1_000_000)) {
            String file = small.upload("train.jsonl", "{\"text\":\"abc\"}\n");
            String body = "{\"model\":\"tiny\",\"training_file\":\"" + file + "\"}";
            HttpResponse<String> refused = small.post("/v1/fine_tuning/jobs", body);
            assertThat(refused.statusCode()).isEqualTo(400);
            assertThat(refused.body()).contains("1.0 MB are there").contains("optimizer's state");
            JsonNode dry = small.json(small.post("/v1/fine_tuning/jobs/dry_run", body));
            assertThat(dry.at("/memory/fits").asBoolean()).isFalse();
            assertThat(small.json(small.get("/v1/fine_tuning/jobs")).path("data"))
                    .isEmpty();
        }
    }
}
