package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Inference and fine-tuning in the same iterations, each as if it were alone. The model runs in float32. */
@Timeout(120)
class CoServingIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final int EPOCHS = 12;

    @TempDir
    private Path directory;

    private RunningServer server;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void answersAreTheSameBesideTrainingAndTrainingTheSameBesideAnswers() throws Exception {
        List<String> models = new ArrayList<>(List.of(RunningServer.MODEL));
        for (int i = 0; i < 2; i++) {
            PeftFormat.write(
                    directory.resolve("import/a" + i),
                    TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, i),
                    MODEL.config());
            server.post("/v1/load_lora_adapter", "{\"lora_name\":\"a" + i + "\",\"lora_path\":\"a" + i + "\"}");
            models.add("a" + i);
        }
        List<String> alone = new ArrayList<>();
        for (String model : models) {
            alone.add(text(model));
        }
        String file = server.upload("train.jsonl", examples());
        double sharedBefore = shared();
        Adapter quiet = trained(create(file, "quiet"));
        assertThat(shared()).isEqualTo(sharedBefore);

        String job = create(file, "crowded");
        int answers = 0;
        while (finished(job).isNull()) {
            List<CompletableFuture<String>> together = models.stream()
                    .map(model -> CompletableFuture.supplyAsync(() -> text(model)))
                    .toList();
            for (int i = 0; i < models.size(); i++) {
                assertThat(together.get(i).get()).isEqualTo(alone.get(i));
                answers++;
            }
        }
        Adapter crowded = trained(job);
        assertThat(shared() - sharedBefore)
                .as("iterations shared with %d answers", answers)
                .isGreaterThan(10);
        quiet.factors().forEach((site, factors) -> {
            Tolerances.FLOAT32_GRADIENT.check(
                    site + " A", factors.a(), crowded.factors().get(site).a());
            Tolerances.FLOAT32_GRADIENT.check(
                    site + " B", factors.b(), crowded.factors().get(site).b());
        });
    }

    private String text(String model) {
        try {
            String body = "{\"model\":\"" + model + "\",\"prompt\":\"the same\",\"max_tokens\":24,\"temperature\":0}";
            JsonNode answer = server.json(server.post("/v1/completions", body));
            return answer.path("choices").path(0).path("text").asText();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private String create(String file, String suffix) throws Exception {
        String body = "{\"model\":\"" + RunningServer.MODEL + "\",\"training_file\":\"" + file + "\",\"suffix\":\""
                + suffix + "\",\"seed\":5,\"hyperparameters\":{\"n_epochs\":" + EPOCHS + ",\"batch_size\":8}}";
        return server.json(server.post("/v1/fine_tuning/jobs", body)).path("id").asText();
    }

    private JsonNode finished(String job) throws Exception {
        return server.json(server.get("/v1/fine_tuning/jobs/" + job)).path("finished_at");
    }

    private Adapter trained(String job) throws Exception {
        while (finished(job).isNull()) {
            Thread.sleep(50);
        }
        String model = server.json(server.get("/v1/fine_tuning/jobs/" + job))
                .path("fine_tuned_model")
                .asText();
        return server.adapter(model, MODEL.config());
    }

    private double shared() throws Exception {
        return server.get("/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith("tandem_iterations_shared_total "))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(' '))))
                .sum();
    }

    private static String examples() {
        return IntStream.range(0, 40)
                .mapToObj(i -> "{\"messages\":[{\"role\":\"user\",\"content\":\"what is " + i % 7
                        + "\"},{\"role\":\"assistant\",\"content\":\"it is " + i % 7 + "\"}]}\n")
                .collect(Collectors.joining());
    }
}
