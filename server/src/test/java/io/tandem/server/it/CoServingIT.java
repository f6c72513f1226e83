package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Inference and fine-tuning in the same iterations, each as if it were alone. The model runs in float32. */
@Timeout(120)
class CoServingIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final int SHARED = 10;
    /** Windows that adapt are cut differently each time, and round differently. */
    private static final int WINDOW = 48;

    @TempDir
    private Path directory;

    @Test
    void answersAreTheSameBesideTraining() throws Exception {
        try (RunningServer server = RunningServer.start(directory)) {
            List<String> models = models(server);
            List<String> alone = new ArrayList<>();
            for (String model : models) {
                alone.add(text(server, model));
            }
            double sharedBefore = shared(server);
            JobClient jobs = new JobClient(server);
            String job = jobs.endless();
            while (shared(server) - sharedBefore <= SHARED) {
                List<CompletableFuture<String>> together = models.stream()
                        .map(model -> CompletableFuture.supplyAsync(() -> text(server, model)))
                        .toList();
                for (int i = 0; i < models.size(); i++) {
                    assertThat(together.get(i).get()).isEqualTo(alone.get(i));
                }
            }
            jobs.cancel(job);
        }
    }

    @Test
    void trainingIsTheSameBesideAnswers() throws Exception {
        try (RunningServer server = RunningServer.start(directory, WINDOW)) {
            List<String> models = models(server);
            JobClient jobs = new JobClient(server);
            String file = server.upload("train.jsonl", TrainingFiles.chats(40));
            double sharedBefore = shared(server);
            double[] quiet = trained(jobs, file);
            assertThat(shared(server)).isEqualTo(sharedBefore);

            AtomicBoolean over = new AtomicBoolean();
            List<CompletableFuture<Void>> asking = models.stream()
                    .map(model -> CompletableFuture.runAsync(() -> {
                        while (!over.get()) {
                            text(server, model);
                        }
                    }))
                    .toList();
            try {
                double before;
                do {
                    before = shared(server);
                    // Fuller iterations round differently, and AdamW makes much of that where a gradient is near zero.
                    Tolerances.TRAINED_WEIGHTS.check("weights", quiet, trained(jobs, file));
                    // Again if the job was over before the answers came.
                } while (shared(server) - before <= SHARED);
            } finally {
                over.set(true);
            }
            for (CompletableFuture<Void> each : asking) {
                each.get();
            }
        }
    }

    /** The base model, and two adapters of it. */
    private List<String> models(RunningServer server) throws Exception {
        AdapterClient adapters = new AdapterClient(server, directory);
        for (int i = 0; i < 2; i++) {
            adapters.create("a" + i, TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, i));
        }
        return List.of(RunningServer.MODEL, "a0", "a1");
    }

    private static String text(RunningServer server, String model) {
        try {
            String body = "{\"model\":\"" + model + "\",\"prompt\":\"the same\",\"max_tokens\":24,\"temperature\":0}";
            JsonNode answer = server.json(server.post("/v1/completions", body));
            return answer.path("choices").path(0).path("text").asText();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** All weights after ten steps. */
    private static double[] trained(JobClient jobs, String file) throws Exception {
        String id = jobs.create("supervised", "\"n_epochs\":2,\"batch_size\":8", "\"training_file\":\"" + file + "\"");
        return jobs.adapter(jobs.ended(id)).factors().values().stream()
                .flatMap(factors -> Stream.of(factors.a(), factors.b()))
                .flatMapToDouble(values -> IntStream.range(0, values.length).mapToDouble(i -> values[i]))
                .toArray();
    }

    private static double shared(RunningServer server) throws Exception {
        return server.get("/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith("tandem_iterations_shared_total "))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(' '))))
                .sum();
    }
}
