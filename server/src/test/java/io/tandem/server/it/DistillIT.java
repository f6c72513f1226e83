package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are distilled, end to end. The model runs in float32 and windows have one size. */
@Timeout(180)
class DistillIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final String SETTINGS =
            "\"clusters\":3,\"examinations\":4,\"hyperparameters\":{\"n_epochs\":4,\"batch_size\":4,\"rank\":2,\"n_checkpoints\":2}";

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

    /** Different ones, of which some are longer than others. */
    private static String chats(int count) {
        return IntStream.range(0, count).mapToObj(i -> chat(i) + "\n").collect(Collectors.joining());
    }

    private static String chat(int i) {
        return "{\"messages\":[{\"role\":\"user\",\"content\":\"what is " + i
                + "\"},{\"role\":\"assistant\",\"content\":\"" + (i % 4 == 0 ? "no" : "it is " + i) + "\"}]}";
    }

    private String body(String file, String settings) {
        return "{\"model\":\"tiny\",\"seed\":5,\"training_file\":\"" + file
                + "\",\"method\":{\"type\":\"distill\",\"distill\":{" + settings + "}}}";
    }

    @Test
    void pausesAndRestartsLeaveNoTrace() throws Exception {
        String file = server.upload("train.jsonl", chats(24));
        JsonNode alone = jobs.succeeded(jobs.create(body(file, "\"examples\":9," + SETTINGS)));
        String examples = jobs.content(alone.at("/distill/file"));
        String table = jobs.content(alone.at("/result_files/1"));

        String id = jobs.create(body(file, "\"examples\":9," + SETTINGS));
        jobs.awaitMessage(id, "1 of 4 times");
        server.post(JOBS + "/" + id + "/pause", "{}");
        stop();
        start();
        server.post(JOBS + "/" + id + "/resume", "{}");
        jobs.awaitMessage(id, "3 of 4 times");
        stop();
        loseTheLastCheckpoint(directory.resolve("data/jobs").resolve(id).resolve("checkpoints"));
        start();
        JsonNode restarted = jobs.succeeded(id);
        assertThat(jobs.content(restarted.at("/distill/file"))).isEqualTo(examples);
        assertThat(jobs.content(restarted.at("/result_files/1"))).isEqualTo(table);
        assertThat(jobs.adapter(restarted)).usingRecursiveComparison().isEqualTo(jobs.adapter(alone));
    }

    /** A process that is killed has not written it; the one before has the losses of the first half. */
    private static void loseTheLastCheckpoint(Path checkpoints) throws Exception {
        try (Stream<Path> all = Files.list(checkpoints)) {
            List<Path> sorted = all.sorted().toList();
            assertThat(sorted).hasSizeGreaterThan(1);
            try (Stream<Path> last = Files.walk(sorted.get(sorted.size() - 1))) {
                for (Path path : last.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    /** The model is that of a job which only learns, and the file can be learned in turn. */
    @Test
    void theFileSaysWhereItIsFrom() throws Exception {
        // A line that is there twice counts once, whatever the form of the file.
        String file = server.upload("train.jsonl", chats(24) + chat(3) + "\n");
        JsonNode job = jobs.succeeded(jobs.create(body(file, "\"examples\":9," + SETTINGS)));
        List<String> kept = jobs.content(job.at("/distill/file")).lines().toList();
        assertThat(kept)
                .hasSize(9)
                .doesNotHaveDuplicates()
                .isSubsetOf(chats(24).lines().toList());
        JsonNode object =
                server.json(server.get("/v1/files/" + job.at("/distill/file").asText()));
        assertThat(object.path("purpose").asText()).isEqualTo("fine-tune");
        assertThat(object.path("source").toString())
                .isEqualTo("{\"type\":\"distill\",\"fine_tuning_job_id\":\""
                        + job.path("id").asText() + "\",\"training_file\":\"" + file + "\",\"examples\":9,\"of\":25}");
        assertThat(job.path("distill").path("of").asInt()).isEqualTo(25);
        assertThat(job.at("/method/distill/clusters").asInt()).isEqualTo(3);
        assertThat(job.path("result_files")).hasSize(3);
        List<String> table = jobs.content(job.at("/result_files/1")).lines().toList();
        assertThat(table).hasSize(25);
        assertThat(table.get(0)).isEqualTo("example,ability,kept,cluster,loss_1,loss_2,loss_3,loss_4");
        assertThat(table.subList(1, 25))
                .filteredOn(line -> line.contains(",true,"))
                .hasSize(9);
        assertThat(jobs.messages(job.path("id").asText()))
                .contains("The losses of the 25 training examples were measured, 4 of 4 times.")
                .anyMatch(message -> message.endsWith(" has 9 of the 25 examples."));

        String plain = "{\"model\":\"tiny\",\"seed\":5,\"training_file\":\"" + file
                + "\",\"hyperparameters\":{\"n_epochs\":4,\"batch_size\":4,\"rank\":2}}";
        JsonNode learned = jobs.succeeded(jobs.create(plain));
        assertThat(jobs.adapter(job)).usingRecursiveComparison().isEqualTo(jobs.adapter(learned));
        jobs.succeeded(jobs.create(plain.replace(file, object.path("id").asText())));
    }

    @Test
    void csvBecomesJsonLines() throws Exception {
        String rows = IntStream.range(0, 12)
                .mapToObj(i -> "what is " + i + ",it is " + i + "\n")
                .collect(Collectors.joining("", "question,answer\n", ""));
        JsonNode job =
                jobs.succeeded(jobs.create(body(server.upload("train.csv", rows), "\"examples\":5," + SETTINGS)));
        assertThat(jobs.content(job.at("/distill/file")).lines())
                .hasSize(5)
                .allMatch(line -> line.matches("\\{\"question\":\"what is ([0-9]+)\",\"answer\":\"it is \\1\"}"));
    }

    @Test
    void aFileMustHaveMoreThanIsKept() throws Exception {
        String file = server.upload("train.jsonl", chats(9) + chats(9));
        JsonNode job = jobs.ended(jobs.create(body(file, "\"examples\":9," + SETTINGS)));
        assertThat(job.at("/error/message").asText())
                .isEqualTo("'examples' is 9, and 'training_file' has only 9 different ones.");
        HttpResponse<String> dry = server.post(JOBS + "/dry_run", body(file, "\"examples\":9," + SETTINGS));
        assertThat(dry.statusCode()).isEqualTo(400);
        assertThat(JsonBody.MAPPER.readTree(dry.body()).at("/error/param").asText())
                .isEqualTo("examples");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"clusters\":2|method.distill.examples",
                "\"examples\":0|method.distill.examples",
                "\"examples\":4,\"clusters\":0|method.distill.clusters",
                "\"examples\":4,\"cutoff\":0.95|method.distill.cutoff",
                "\"examples\":4,\"examinations\":33|method.distill.examinations",
                "\"examples\":4,\"trials\":33|method.distill.trials",
                "\"examples\":4,\"texts\":\"rewritten\"|method.distill.texts",
                "\"examples\":25001,\"texts\":\"written\"|method.distill.examples",
                "\"examples\":4,\"texts\":\"written\",\"examinations\":2|method.distill.examinations",
                "\"examples\":4,\"texts\":\"written\",\"hyperparameters\":{\"mask_history\":true}|method.distill.hyperparameters.mask_history",
                "\"examples\":4,\"texts\":\"written\",\"hyperparameters\":{\"peft\":\"alora\",\"invocation_tokens\":[1]}|method.distill.hyperparameters.invocation_tokens",
                "\"examples\":4,\"hyperparameters\":{\"peft\":\"l4q\"}|method.distill.hyperparameters.peft",
                "\"examples\":4,\"hyperparameters\":{\"peft\":\"l4q\",\"layers\":[0]}|method.distill.hyperparameters.layers",
                "\"examples\":4,\"hyperparameters\":{\"beta\":1}|method.distill.hyperparameters.beta",
                "\"examples\":4,\"hyperparameters\":{\"early_stopping_patience\":1}|method.distill.hyperparameters.early_stopping_patience"
            })
    void wrongSettingsAreRefusedByName(String settings, String field) throws Exception {
        String file = server.upload("train.jsonl", chats(8));
        HttpResponse<String> answer = server.post(JOBS, body(file, settings));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(JsonBody.MAPPER.readTree(answer.body()).at("/error/param").asText())
                .as(answer.body())
                .isEqualTo(field);
    }

    /** Where OpenAI's older requests have them. */
    @ParameterizedTest
    @ValueSource(strings = {"\"mask_history\":true", "\"peft\":\"alora\",\"invocation_tokens\":[1]"})
    void hyperparametersBesideTheMethodAreRefusedToo(String settings) throws Exception {
        String file = server.upload("train.jsonl", chats(8));
        String method = body(file, "\"examples\":4,\"texts\":\"written\"");
        HttpResponse<String> answer =
                server.post(JOBS, method.replaceFirst("}$", ",\"hyperparameters\":{" + settings + "}}"));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(settings)
                .contains(JsonBody.MAPPER
                        .readTree(answer.body())
                        .at("/error/param")
                        .asText()
                        .replace("hyperparameters.", "\""));
    }
}
