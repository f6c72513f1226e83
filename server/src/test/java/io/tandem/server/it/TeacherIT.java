package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
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
        return create(server, file, "");
    }

    /** @param more of what it learns */
    private static HttpResponse<String> create(RunningServer server, String file, String more) throws Exception {
        return server.post(
                JOBS,
                "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"seed\":1,\"hyperparameters\":{\"n_epochs\":5,"
                        + "\"batch_size\":4,\"learning_rate\":0.01,\"learns\":{\"type\":\"teacher\"" + more + "}}}");
    }

    private static List<Double> losses(JobClient jobs, String id) throws Exception {
        return jobs.events(id).stream()
                .map(event -> event.path("data").path("train_loss"))
                .filter(JsonNode::isNumber)
                .map(JsonNode::asDouble)
                .toList();
    }

    /** The loss is the distance to what the teacher expects; a pause and a restart in the middle leave no trace. */
    @Test
    void aJobComesNearerToTheTeacher() throws Exception {
        String id;
        List<Double> alone;
        Path data = Files.createDirectory(directory.resolve("server"));
        try (RunningServer server = RunningServer.withTeacher(data, teacher)) {
            JobClient jobs = new JobClient(server);
            String file = server.upload("train.jsonl", TrainingFiles.chats(40));
            HttpResponse<String> refused = create(server, file, ",\"exit_weight\":0.1");
            assertThat(refused.statusCode()).isEqualTo(400);
            assertThat(refused.body()).contains("cannot have an 'exit_weight' here", "\"param\":\"learns\"");
            String first = server.json(create(server, file)).path("id").asText();
            jobs.succeeded(first);
            alone = losses(jobs, first);
            assertThat(alone).hasSize(50);
            assertThat(alone.get(49)).as("of %s", alone).isLessThan(0.6 * alone.get(0));
            id = jobs.pausedAfter(
                    10, () -> server.json(create(server, file)).path("id").asText());
        }
        try (RunningServer server = RunningServer.withTeacher(data, teacher)) {
            assertThat(server.post(JOBS + "/" + id + "/resume", "{}").statusCode())
                    .isEqualTo(200);
            JobClient jobs = new JobClient(server);
            jobs.succeeded(id);
            assertThat(losses(jobs, id)).isEqualTo(alone);
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
