package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.server.storage.document.TestPostgres;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server whose documents are in PostgreSQL: either of them may end at any time. */
@Timeout(300)
class PostgresIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final int WINDOW = 48;

    @TempDir
    private Path directory;

    private TestPostgres postgres;

    @BeforeEach
    void start(@TempDir Path database) throws IOException {
        postgres = TestPostgres.start(database.resolve("pg"));
        System.setProperty(RunningServer.DOCUMENTS, postgres.address());
    }

    @AfterEach
    void stop() {
        System.clearProperty(RunningServer.DOCUMENTS);
        if (postgres != null) {
            postgres.close();
        }
    }

    private static String body(String file) {
        return "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"seed\":5,\"hyperparameters\":{\"n_epochs\":40,"
                + "\"batch_size\":4,\"checkpoint_every\":7}}";
    }

    /** The steps that events tell of, in their order. */
    private static List<Integer> steps(JobClient jobs, String id) throws Exception {
        return jobs.events(id).stream()
                .filter(event -> event.path("message").asText().contains("training loss"))
                .map(event -> event.path("data").path("step").asInt())
                .toList();
    }

    @Test
    void jobsAndRequestsGoOnWhileEitherStartsAnew() throws Exception {
        Adapter undisturbed;
        String second;
        try (RunningServer server = RunningServer.start(directory, WINDOW, 1)) {
            String file = server.upload("train.jsonl", TrainingFiles.chats(60));
            JobClient jobs = new JobClient(server);
            undisturbed = jobs.adapter(jobs.ended(jobs.create(body(file))));
            String id = jobs.create(body(file));
            jobs.awaitMessage(id, "Step 8/");
            postgres.stop();
            assertAwayForAMoment(server, file);
            postgres.start();
            assertThat(jobs.adapter(jobs.ended(id))).usingRecursiveComparison().isEqualTo(undisturbed);
            List<Integer> steps = steps(jobs, id);
            assertThat(steps)
                    .as("an event for each step, but for one that was being written when PostgreSQL ended: nobody can "
                            + "know whether it is there, and twice would be worse than not at all")
                    .hasSizeBetween(599, 600)
                    .isSorted()
                    .doesNotHaveDuplicates();
            second = jobs.create(body(file));
        }
        try (ServerProcess killed = ServerProcess.start(directory, WINDOW, 1)) {
            while (!killed.get(JOBS + "/" + second + "/checkpoints").contains("step_number")) {
                Thread.sleep(10);
            }
            postgres.kill();
        }
        postgres.start();
        try (RunningServer server = RunningServer.start(directory, WINDOW, 1)) {
            JobClient jobs = new JobClient(server);
            assertThat(jobs.adapter(jobs.ended(second)))
                    .usingRecursiveComparison()
                    .isEqualTo(undisturbed);
            jobs.awaitMessage(second, "goes on after step");
        }
    }

    /** The job goes on meanwhile; requests come when its steps are done, because they would round its products otherwise. */
    private static void assertAwayForAMoment(RunningServer server, String file) throws Exception {
        HttpResponse<String> away = server.get("/v1/files/" + file);
        assertThat(away.statusCode()).isEqualTo(503);
        assertThat(away.headers().firstValue("Retry-After")).isPresent();
        assertThat(AdapterClient.error(away).path("code").asText()).isEqualTo("storage_unavailable");
        assertThat(AdapterClient.error(away).path("message").asText()).contains("database does not answer");
        assertThat(server.tryUpload("b.jsonl", TrainingFiles.chats(2)).statusCode())
                .isEqualTo(503);
        assertThat(server.post(JOBS, body(file)).statusCode()).isEqualTo(503);
        while (!server.get("/metrics").body().contains("\ntandem_jobs_open 0.0\n")) {
            Thread.sleep(10);
        }
        for (String model : List.of(
                "tiny",
                server.json(server.get("/v1/models"))
                        .path("data")
                        .path(1)
                        .path("id")
                        .asText())) {
            assertThat(server.post(
                                    "/v1/completions",
                                    "{\"model\":\"" + model + "\",\"prompt\":\"abc\",\"max_tokens\":4}")
                            .statusCode())
                    .as(model)
                    .isEqualTo(200);
        }
        assertThat(server.get("/ready").statusCode()).isEqualTo(200);
    }
}
