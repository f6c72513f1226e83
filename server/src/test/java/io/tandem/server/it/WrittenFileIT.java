package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files that are distilled to chats which the new model writes, end to end. The model runs in float32 and windows have one size. */
@Timeout(180)
class WrittenFileIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    /** Enough for random weights to learn where a message ends. */
    private static final String SETTINGS =
            "\"texts\":\"written\",\"clusters\":3,\"hyperparameters\":{\"n_epochs\":12,\"batch_size\":16,\"rank\":8,"
                    + "\"modules_to_save\":[\"lm_head\"],\"learning_rate\":0.01,\"n_checkpoints\":0}";

    @TempDir
    private Path directory;

    private RunningServer server;
    private JobClient jobs;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory, 48);
        jobs = new JobClient(server);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /** Questions of four letters, each of which may be any of six: too many to know them all by heart. */
    private static String chats(int count) {
        Random random = new Random(1);
        return IntStream.range(0, count)
                .mapToObj(
                        i -> "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\""
                                + random.ints(4, 'a', 'g')
                                        .mapToObj(Character::toString)
                                        .collect(Collectors.joining())
                                + "\"},{\"role\":\"assistant\",\"content\":\"" + (i % 2 == 0 ? "no" : "yes")
                                + "\"}]}\n")
                .collect(Collectors.joining());
    }

    private String body(String file, String settings) {
        return "{\"model\":\"tiny\",\"seed\":5,\"training_file\":\"" + file
                + "\",\"method\":{\"type\":\"distill\",\"distill\":{" + settings + "}}}";
    }

    /** The user's part of each line. */
    private static List<String> asked(String file) {
        return file.lines().map(WrittenFileIT::user).toList();
    }

    private static String user(String line) {
        try {
            JsonNode messages = JsonBody.MAPPER.readTree(line).path("messages");
            assertThat(messages.findValuesAsText("role")).containsExactly("system", "user", "assistant");
            assertThat(messages.at("/0/content").asText()).isEqualTo("s");
            return messages.at("/1/content").asText();
        } catch (JsonProcessingException e) {
            throw new AssertionError(line, e);
        }
    }

    @Test
    void whatIsWrittenIsNewAndCanBeLearned() throws Exception {
        String lines = chats(100);
        String file = server.upload("train.jsonl", lines);
        JsonNode job = jobs.succeeded(jobs.create(body(file, "\"examples\":6," + SETTINGS)));
        assertThat(asked(jobs.content(job.at("/distill/file"))))
                .hasSize(6)
                .doesNotHaveDuplicates()
                .doesNotContainAnyElementsOf(asked(lines));
        JsonNode written = job.at("/distill/written");
        int usable = job.at("/distill/of").asInt();
        assertThat(written.path("begun").asInt()).isEqualTo(24);
        assertThat(usable)
                .isGreaterThan(6)
                .isEqualTo(24
                        - written.path("unfinished").asInt()
                        - written.path("verbatim").asInt()
                        - written.path("repeated").asInt());
        assertThat(jobs.content(job.at("/result_files/1")).lines())
                .hasSize(1 + usable)
                .startsWith("example,ability,kept,cluster,loss_1,loss_2");
        JsonNode object =
                server.json(server.get("/v1/files/" + job.at("/distill/file").asText()));
        assertThat(object.at("/source/written")).isEqualTo(written);
        assertThat(object.path("purpose").asText()).isEqualTo("fine-tune");
        assertThat(job.at("/method/distill/texts").asText()).isEqualTo("written");
        assertThat(job.at("/method/distill/cutoff").asDouble()).isEqualTo(0.5);
        assertThat(jobs.messages(job.path("id").asText()))
                .contains("12 of 24 examples are written.")
                .anyMatch(message -> message.endsWith(" has 6 of the " + usable + " new examples that it wrote."));
        JsonNode usage = server.json(server.get("/v1/organization/usage/completions?start_time="
                + job.path("created_at").asLong() + "&models="
                + job.path("fine_tuned_model").asText()));
        // Two answers of each example, and what it is worth with and without the adapter.
        assertThat(usage.findValues("num_model_requests").stream()
                        .mapToInt(JsonNode::asInt)
                        .sum())
                .as("of all days since the job began")
                .isBetween(24 + usable, 2 * 24 + usable);
        jobs.succeeded(jobs.create("{\"model\":\"tiny\",\"training_file\":\""
                + object.path("id").asText() + "\",\"hyperparameters\":{\"n_epochs\":1}}"));
    }

    @Test
    void pausesAndRestartsLeaveNoTrace() throws Exception {
        String file = server.upload("train.jsonl", chats(100));
        JsonNode alone = jobs.succeeded(jobs.create(body(file, "\"examples\":40," + SETTINGS)));
        String examples = jobs.content(alone.at("/distill/file"));
        List<double[]> table = table(alone);

        String id = jobs.create(body(file, "\"examples\":40," + SETTINGS));
        jobs.awaitMessage(id, "16 of 160 examples");
        server.post(JOBS + "/" + id + "/pause", "{}");
        stop();
        start();
        assertThat(jobs.job(id).path("status").asText()).isEqualTo("paused");
        server.post(JOBS + "/" + id + "/resume", "{}");
        jobs.awaitMessage(id, "80 of 160 examples");
        stop();
        start();
        JsonNode restarted = jobs.succeeded(id);
        assertThat(jobs.content(restarted.at("/distill/file"))).isEqualTo(examples);
        List<double[]> again = table(restarted);
        assertThat(again).hasSameSizeAs(table);
        for (int i = 0; i < table.size(); i++) {
            assertThat(again.get(i)).containsExactly(table.get(i), within(1e-4));
        }
        assertThat(restarted.at("/distill/written")).isEqualTo(alone.at("/distill/written"));
    }

    /** The losses of each example. What else is in a batch changes how their sums are rounded. */
    private List<double[]> table(JsonNode job) throws Exception {
        return jobs.content(job.at("/result_files/1"))
                .lines()
                .skip(1)
                .map(line -> Arrays.stream(line.split(","))
                        .skip(4)
                        .mapToDouble(Double::parseDouble)
                        .toArray())
                .toList();
    }

    @Test
    void aJobCanBeCancelledWhileItWrites() throws Exception {
        String file = server.upload("train.jsonl", chats(100));
        String id = jobs.create(body(file, "\"examples\":200," + SETTINGS));
        jobs.awaitMessage(id, "80 of 800 examples");
        assertThat(jobs.job(id).path("status").asText()).isEqualTo("running");
        server.post(JOBS + "/" + id + "/cancel", "{}");
        assertThat(jobs.ended(id).path("status").asText()).isEqualTo("cancelled");
    }

    /** A job's model and validation are of whole chats too. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"prompt\":\"a\",\"completion\":\"b\"}|is no chat; only chats can be written",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"},{\"role\":\"assistant\",\"content\":\"c\"}]}|is not a chat of a user and an assistant in turns",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"c\"}]}|is not a chat of a user and an assistant in turns"
            })
    void otherLinesAreRefused(String line, String reason) throws Exception {
        String file = server.upload("train.jsonl", chats(4) + line + "\n");
        HttpResponse<String> dry = server.post(JOBS + "/dry_run", body(file, "\"examples\":6," + SETTINGS));
        assertThat(dry.statusCode()).as(dry.body()).isEqualTo(400);
        JsonNode error = JsonBody.MAPPER.readTree(dry.body()).path("error");
        assertThat(error.path("param").asText()).isEqualTo("training_file");
        assertThat(error.path("message").asText()).contains("line 5: " + reason);
    }
}
