package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.api.JsonBody;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server that is killed again and again ends its jobs as if nothing had happened. */
@Timeout(300)
class KillIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final int WINDOW = 48;
    private static final int KILLS = 3;
    /** At least as many jobs as there are methods and choices. */
    private static final int AT_ONCE = 40;

    private static final String JOBS = "/v1/fine_tuning/jobs";

    @TempDir
    private Path directory;

    @Test
    void aKilledServersJobEndsWithTheSameAdapter() throws Exception {
        String id;
        Adapter undisturbed;
        try (RunningServer server = RunningServer.start(directory, WINDOW)) {
            String file = server.upload("train.jsonl", TrainingFiles.chats(60));
            String body = "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"validation_file\":\"" + file
                    + "\",\"seed\":5,\"hyperparameters\":{\"n_epochs\":50,\"batch_size\":4,\"checkpoint_every\":7,"
                    + "\"eval_every\":20,\"keep_best\":true}}";
            String first = server.json(server.post(JOBS, body)).path("id").asText();
            undisturbed = ended(server, first);
            id = server.json(server.post(JOBS, body)).path("id").asText();
        }
        for (int i = 0; i < KILLS; i++) {
            try (ServerProcess server = ServerProcess.start(directory, WINDOW, 1)) {
                awaitCheckpoint(server, id);
            }
        }
        assertThat(directory.toFile().list())
                .as("no caches are left")
                .containsExactlyInAnyOrder("data", "import", "tiny");
        try (RunningServer server = RunningServer.start(directory, WINDOW)) {
            // The server of the last kill had a checkpoint to go on from, and this one has.
            String events = server.get(JOBS + "/" + id + "/events?limit=1000").body();
            assertThat(events.split("goes on after step", -1)).as(events).hasSizeGreaterThan(KILLS - 1);
            assertThat(ended(server, id)).usingRecursiveComparison().isEqualTo(undisturbed);
        }
    }

    /** By every method and every choice of what learns, all in the midst of their steps when the server is killed. */
    @Test
    void aKilledServersJobsEndWithTheSameAdaptersHoweverTheyLearn() throws Exception {
        TinyModel.withTokenizer(TinyModel.Variant.QWEN2, 8).write(directory.resolve(RunningServer.TEACHER));
        Map<String, Adapter> undisturbed = new LinkedHashMap<>();
        Map<String, String> jobs;
        try (RunningServer server = RunningServer.start(directory, WINDOW, AT_ONCE)) {
            Map<String, String> kinds = kinds(server);
            for (Map.Entry<String, String> job : create(server, kinds, false).entrySet()) {
                undisturbed.put(job.getKey(), ended(server, job.getValue()));
            }
            jobs = create(server, kinds, true);
        }
        try (ServerProcess server = ServerProcess.start(directory, WINDOW, AT_ONCE)) {
            // From here on they train side by side.
            for (String id : jobs.values()) {
                server.post(JOBS + "/" + id + "/resume");
            }
            for (String id : jobs.values()) {
                while (!server.get(events(id)).contains("goes on after step")) {
                    Thread.sleep(5);
                }
            }
        }
        try (RunningServer server = RunningServer.start(directory, WINDOW, AT_ONCE)) {
            for (Map.Entry<String, String> job : jobs.entrySet()) {
                assertThat(ended(server, job.getValue()))
                        .as(job.getKey())
                        .usingRecursiveComparison()
                        .isEqualTo(undisturbed.get(job.getKey()));
                assertThat(server.get(events(job.getValue())).body())
                        .as(job.getKey())
                        .contains("goes on after step");
            }
        }
    }

    /** Hyperparameters by the name of the method, or else of what they say beside it. */
    private static Map<String, String> kinds(RunningServer server) throws Exception {
        Map<String, String> kinds = new LinkedHashMap<>();
        for (String method : MethodSettings.names(server)) {
            kinds.put(method, "\"peft\":\"" + method + "\"" + MethodSettings.of(server, method));
        }
        // What comes of these is no adapter; QuantizedBaseIT and SparseBaseIT try them.
        assertThat(kinds.keySet().removeAll(List.of("l4q", "pst"))).isTrue();
        for (String choice : MethodSettings.choices(server)) {
            kinds.put(choice, "\"learns\":{\"type\":\"" + choice + "\"}");
        }
        kinds.put("lora_bias", "\"lora_bias\":true");
        assertThat(kinds)
                .containsKeys("lora", "ia3", "prompt_tuning", "ist", "das", "teacher")
                .hasSizeLessThanOrEqualTo(AT_ONCE);
        return kinds;
    }

    private static Map<String, String> create(RunningServer server, Map<String, String> kinds, boolean paused)
            throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        Map<String, String> jobs = new LinkedHashMap<>();
        for (Map.Entry<String, String> kind : kinds.entrySet()) {
            String body = "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"seed\":7,\"hyperparameters\":{"
                    + "\"n_epochs\":6,\"batch_size\":4,\"checkpoint_every\":6," + kind.getValue() + "}}";
            JobClient client = new JobClient(server);
            jobs.put(kind.getKey(), paused ? client.pausedAfter(1, () -> client.create(body)) : client.create(body));
        }
        return jobs;
    }

    private static String events(String id) {
        return JOBS + "/" + id + "/events?limit=1000";
    }

    private static Adapter ended(RunningServer server, String id) throws Exception {
        while (job(server.get(JOBS + "/" + id).body()).path("finished_at").isNull()) {
            Thread.sleep(50);
        }
        return server.adapter(model(server.get(JOBS + "/" + id).body()), MODEL.config());
    }

    /** Waits until the job is further than it ever was. It has so many more steps that it is not done by then. */
    private static void awaitCheckpoint(ServerProcess server, String id) throws Exception {
        int before = lastCheckpoint(server, id);
        while (lastCheckpoint(server, id) == before) {
            assertThat(job(server.get(JOBS + "/" + id)).path("finished_at").isNull())
                    .isTrue();
            Thread.sleep(5);
        }
    }

    private static int lastCheckpoint(ServerProcess server, String id) throws Exception {
        return job(server.get(JOBS + "/" + id + "/checkpoints"))
                .path("data")
                .path(0)
                .path("step_number")
                .asInt();
    }

    private static JsonNode job(String body) throws Exception {
        return JsonBody.MAPPER.readTree(body);
    }

    private static String model(String body) throws Exception {
        JsonNode job = job(body);
        assertThat(job.path("status").asText()).as(body).isEqualTo("succeeded");
        return job.path("fine_tuned_model").asText();
    }
}
