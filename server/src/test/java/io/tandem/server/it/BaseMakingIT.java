package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What holds of every method of which a base model comes. */
@Timeout(180)
abstract class BaseMakingIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final int WINDOW = 24;

    private static final String CHECKPOINT = "Checkpoint at step ";

    private final String settings;

    @TempDir
    Path directory;

    RunningServer server;
    JobClient jobs;
    BaseJobs bases;

    /** @param settings of a job that keeps a checkpoint every few steps, but for its epochs */
    BaseMakingIT(String settings) {
        // Of ten steps each, so many that the job is far from done when its server is killed.
        this.settings = settings + ",\"n_epochs\":40";
    }

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory, WINDOW);
        jobs = new JobClient(server);
        bases = new BaseJobs(server);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    Path base(JsonNode job) {
        return directory.resolve("data").resolve(job.path("fine_tuned_base").asText());
    }

    private byte[] weights(JsonNode job) throws Exception {
        return Files.readAllBytes(base(job).resolve("model.safetensors"));
    }

    private static String events(String id) {
        return JOBS + "/" + id + "/events?limit=1000";
    }

    private static int checkpoints(String events) {
        return events.split(CHECKPOINT, -1).length - 1;
    }

    /** Neither a pause nor a restart nor a killed server changes the files. */
    @Test
    void pausesRestartsAndKillsLeaveNoTrace() throws Exception {
        byte[] whole = weights(jobs.succeeded(bases.create(settings)));
        String id = jobs.pausedAfter(6, () -> bases.create(settings));
        int before = checkpoints(server.get(events(id)).body());
        stop();
        try (ServerProcess killed = ServerProcess.start(directory, WINDOW, 1)) {
            killed.post(JOBS + "/" + id + "/resume");
            while (checkpoints(killed.get(events(id))) == before) {
                Thread.sleep(5);
            }
        }
        start();
        JsonNode other = jobs.succeeded(id);
        List<String> messages = jobs.messages(id);
        assertThat(messages.stream().filter(message -> message.contains("goes on after step")))
                .as("once in the server that was killed, and once after it, of %s", messages)
                .hasSize(2);
        assertThat(weights(other)).isEqualTo(whole);
        assertThat(server.json(server.get(JOBS + "/" + id + "/checkpoints")).path("data"))
                .as("none can be called")
                .isEmpty();
    }
}
