package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An adapter whose weights are finite and whose products are not harms nobody but its own requests. */
@Timeout(120)
class SeparationIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final int RANK = 16;
    private static final String JOBS = "/v1/fine_tuning/jobs";

    @TempDir
    private Path directory;

    private RunningServer server;
    private AdapterClient adapters;

    /** The overflowing adapter was published when nobody looked, as by a server that did not know better. */
    @BeforeEach
    void start() throws Exception {
        AdapterClient.publishUnchecked(directory, MODEL.config(), "evil", huge(3e38f, 1e-3f));
        server = RunningServer.start(directory);
        adapters = new AdapterClient(server, directory);
        adapters.create("good", TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, 7));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static Adapter huge(float a, float b) {
        return TinyAdapters.filled(MODEL.config(), RANK, a, b);
    }

    @Test
    void requestsAndJobsBesideAnOverflowAreAsIfItWereNotThere() throws Exception {
        Map<String, String> alone = new TreeMap<>();
        for (String model : List.of("tiny", "good")) {
            alone.put(model, adapters.text(model));
        }
        AtomicBoolean done = new AtomicBoolean();
        List<CompletableFuture<Void>> attackers = Stream.of(1, 2, 3)
                .map(i -> CompletableFuture.runAsync(() -> attack(done)))
                .toList();
        try {
            String job = train("");
            for (int round = 0; round < 10; round++) {
                for (String model : List.of("tiny", "good")) {
                    assertThat(adapters.text(model)).isEqualTo(alone.get(model));
                }
            }
            JsonNode ended = new JobClient(server).ended(job);
            assertThat(ended.path("status").asText()).as(ended.toString()).isEqualTo("succeeded");
        } finally {
            done.set(true);
        }
        for (CompletableFuture<Void> attacker : attackers) {
            attacker.get();
        }
    }

    /** Every request to the overflowing adapter fails, and says because of whom. */
    private void attack(AtomicBoolean done) {
        try {
            while (!done.get()) {
                HttpResponse<String> answer = adapters.ask("evil", "");
                assertThat(answer.statusCode()).as(answer.body()).isEqualTo(409);
                assertThat(answer.body()).contains("evil@").contains("adapter_broken");
            }
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private String train(String rest) throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        return server.json(server.post(
                        JOBS,
                        "{\"model\":\"tiny\",\"training_file\":\"" + file
                                + "\",\"hyperparameters\":{\"n_epochs\":2,\"batch_size\":4" + rest + "}}"))
                .path("id")
                .asText();
    }

    @Test
    void aJobOnTopOfAnOverflowSaysThatItIsToBlame() throws Exception {
        JsonNode job = new JobClient(server).ended(train(",\"under\":[\"evil\"]"));
        assertThat(job.path("status").asText()).isEqualTo("failed");
        assertThat(job.path("error").path("message").asText())
                .contains("evil@")
                .contains("too large")
                .doesNotContain("learning rate");
    }

    @Test
    void anAdapterThatOverflowsIsRefusedWhenItComes() throws Exception {
        adapters.write("a", huge(3e38f, 1e-3f));
        adapters.write("b", huge(1e-3f, 3e38f));
        for (String path : List.of("a", "b")) {
            HttpResponse<String> created = server.post("/v1/adapters", "{\"name\":\"new\",\"path\":\"" + path + "\"}");
            assertThat(created.statusCode()).as(created.body()).isEqualTo(400);
            assertThat(AdapterClient.error(created).path("code").asText()).isEqualTo("invalid_adapter");
            assertThat(AdapterClient.error(created).path("message").asText()).contains("model.layers.0.");
            HttpResponse<String> loaded =
                    server.post("/v1/load_lora_adapter", "{\"lora_name\":\"new\",\"lora_path\":\"" + path + "\"}");
            assertThat(loaded.statusCode()).as(loaded.body()).isEqualTo(400);
        }
        assertThat(server.get("/v1/adapters/new").statusCode()).isEqualTo(404);
    }
}
