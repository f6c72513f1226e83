package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Clients that upload, list, read and delete at the same time, and jobs beside them. */
@Timeout(120)
class FilesIT {
    private static final String FILES = "/v1/files";
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final int LISTERS = 2;

    @TempDir
    private Path directory;

    private RunningServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory);
    }

    @AfterEach
    void stop() {
        threads.shutdownNow();
        server.close();
    }

    /** Lists again and again while something else is done; every list must be answered. */
    private void whileListing(Callable<Void> work) throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        List<Future<?>> listers = new ArrayList<>();
        for (int i = 0; i < LISTERS; i++) {
            listers.add(threads.submit(() -> {
                while (!done.get()) {
                    server.json(server.get(FILES));
                }
                return null;
            }));
        }
        try {
            work.call();
        } finally {
            done.set(true);
        }
        for (Future<?> lister : listers) {
            lister.get();
        }
    }

    @Test
    void uploadsAreKeptWhileOthersList() throws Exception {
        whileListing(() -> {
            for (int i = 0; i < 60; i++) {
                String content = TrainingFiles.chats(1 + i % 3);
                String id = server.upload("train.jsonl", content);
                assertThat(server.get(FILES + "/" + id + "/content").body()).isEqualTo(content);
            }
            return null;
        });
        assertThat(server.json(server.get(FILES)).path("data")).hasSize(60);
    }

    @Test
    void oneOfTwoDeletionsFindsTheFileAndReadersFindAllOfItOrNothing() throws Exception {
        String content = TrainingFiles.chats(200);
        whileListing(() -> {
            for (int i = 0; i < 20; i++) {
                String path = FILES + "/" + server.upload("train.jsonl", content);
                Future<HttpResponse<String>> reader = threads.submit(() -> server.get(path + "/content"));
                Future<HttpResponse<String>> one = threads.submit(() -> server.delete(path));
                Future<HttpResponse<String>> other = threads.submit(() -> server.delete(path));
                assertThat(List.of(one.get().statusCode(), other.get().statusCode()))
                        .containsExactlyInAnyOrder(200, 404);
                HttpResponse<String> read = reader.get();
                assertThat(read.statusCode()).as(read.body()).isIn(200, 404);
                if (read.statusCode() == 200) {
                    assertThat(read.body()).isEqualTo(content);
                }
                assertThat(server.get(path).statusCode()).isEqualTo(404);
            }
            return null;
        });
    }

    /** A file where a directory has to be takes no file, just as a full disk does. */
    @Test
    void whatTheDiskDoesNotTakeIsRefusedAndNothingIsLost() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(4));
        String job = "{\"model\":\"tiny\",\"training_file\":\"" + file + "\"}";
        for (String store : List.of("files", "jobs", "adapters")) {
            Path folder = directory.resolve("data").resolve(store);
            Path away = Files.move(folder, directory.resolve("away"));
            Files.writeString(folder, "in the way");
            HttpResponse<String> answer = switch (store) {
                case "files" -> server.tryUpload("train.jsonl", "x");
                case "jobs" -> server.post(JOBS, job);
                default -> load();
            };
            assertThat(answer.statusCode()).as(store + ": " + answer.body()).isEqualTo(507);
            assertThat(answer.body()).contains("insufficient_storage").doesNotContain(directory.toString());
            Files.delete(folder);
            Files.move(away, folder);
        }
        assertThat(server.json(server.get(FILES)).path("data")).hasSize(1);
        assertThat(server.json(server.get(JOBS)).path("data")).isEmpty();
        assertThat(server.json(server.get("/v1/adapters")).path("data")).isEmpty();
        assertThat(load().statusCode()).isEqualTo(200);
    }

    private HttpResponse<String> load() throws Exception {
        Path adapter = directory.resolve("import/a");
        if (!Files.exists(adapter)) {
            TinyModel model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
            PeftFormat.write(
                    adapter, TinyAdapters.random(model.config(), LoraConfig.allLinears(), 2, 1), model.config());
        }
        return server.post("/v1/load_lora_adapter", "{\"lora_name\":\"a\",\"lora_path\":\"a\"}");
    }

    @Test
    void jobsEndWhileOthersList() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(4));
        whileListing(() -> {
            for (int i = 0; i < 6; i++) {
                String body = "{\"model\":\"tiny\",\"training_file\":\"" + file
                        + "\",\"hyperparameters\":{\"n_epochs\":1,\"batch_size\":4,\"n_checkpoints\":0}}";
                String job = JOBS + "/"
                        + server.json(server.post(JOBS, body)).path("id").asText();
                while (server.json(server.get(job)).path("finished_at").isNull()) {
                    Thread.sleep(10);
                }
                JsonNode ended = server.json(server.get(job));
                assertThat(ended.path("status").asText()).as(ended.toString()).isEqualTo("succeeded");
                String table = ended.path("result_files").path(0).asText();
                assertThat(server.get(FILES + "/" + table + "/content").body()).startsWith("step,");
            }
            return null;
        });
    }
}
