package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Jobs that learn from the server's teacher. */
@Timeout(180)
class TeacherIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final TinyModel TEACHER = TinyModel.withTokenizer(TinyModel.Variant.QWEN2, 8);

    @TempDir
    private Path directory;

    private Path teacher;

    @BeforeEach
    void write() throws Exception {
        teacher = directory.resolve("teacher");
        TEACHER.write(teacher);
    }

    private static HttpResponse<String> create(RunningServer server, String file) throws Exception {
        return server.post(
                JOBS,
                "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"seed\":1,\"hyperparameters\":{\"n_epochs\":5,"
                        + "\"batch_size\":4,\"learning_rate\":0.01,\"learns\":{\"type\":\"teacher\"}}}");
    }

    private static List<Double> losses(RunningServer server, String id) throws Exception {
        List<Double> losses = new ArrayList<>();
        server.json(server.get(JOBS + "/" + id + "/events?limit=1000"))
                .path("data")
                .forEach(event -> {
                    if (event.path("data").has("train_loss")) {
                        losses.add(0, event.path("data").path("train_loss").asDouble());
                    }
                });
        return losses;
    }

    private static JsonNode job(RunningServer server, String id) throws Exception {
        return server.json(server.get(JOBS + "/" + id));
    }

    private static JsonNode ended(RunningServer server, String id) throws Exception {
        while (job(server, id).path("finished_at").isNull()) {
            Thread.sleep(50);
        }
        return job(server, id);
    }

    /** The loss is the distance to what the teacher expects; a pause and a restart in the middle leave no trace. */
    @Test
    void aJobComesNearerToTheTeacher() throws Exception {
        String id;
        List<Double> alone;
        Path data = Files.createDirectory(directory.resolve("server"));
        RunningServer server = RunningServer.withTeacher(data, teacher);
        try {
            String file = server.upload("train.jsonl", TrainingFiles.chats(40));
            String first = server.json(create(server, file)).path("id").asText();
            assertThat(ended(server, first).path("status").asText()).isEqualTo("succeeded");
            alone = losses(server, first);
            assertThat(alone).hasSize(50);
            assertThat(alone.get(49)).as("of %s", alone).isLessThan(0.6 * alone.get(0));
            id = server.json(create(server, file)).path("id").asText();
            while (losses(server, id).size() < 10) {
                Thread.sleep(20);
            }
            server.post(JOBS + "/" + id + "/pause", "{}");
        } finally {
            server.close();
        }
        server = RunningServer.withTeacher(data, teacher);
        try {
            assertThat(server.post(JOBS + "/" + id + "/resume", "{}").statusCode())
                    .isEqualTo(200);
            assertThat(ended(server, id).path("status").asText()).isEqualTo("succeeded");
            assertThat(losses(server, id)).isEqualTo(alone);
        } finally {
            server.close();
        }
    }

    @Test
    void aServerWithoutATeacherSaysSo() throws Exception {
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("server")))) {
            HttpResponse<String> refused = create(server, server.upload("train.jsonl", TrainingFiles.chats(4)));
            assertThat(refused.statusCode()).isEqualTo(400);
            assertThat(refused.body())
                    .contains("the server has no teacher, which kernels.teacher names", "\"param\":\"learns\"");
        }
    }
}
