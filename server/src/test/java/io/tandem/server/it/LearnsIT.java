package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.testing.TinyModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.LongSummaryStatistics;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Jobs that say which of their parameters learn. */
@Timeout(180)
class LearnsIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final int WINDOW = 48;

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static JobClient jobs;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory, WINDOW);
        jobs = new JobClient(server);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** Which layers learn is told, and so is why. */
    @Test
    void layersThatTakeTurnsAreTold() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String id = jobs.create(
                "supervised",
                "\"n_epochs\":3,\"batch_size\":4,\"learning_rate\":0.02,\"learns\":{\"type\":\"ist\",\"share\":0.5,\"probe_every\":4}",
                "\"training_file\":\"" + file + "\"");
        assertThat(jobs.ended(id).path("status").asText()).isEqualTo("succeeded");
        List<Integer> probed = new ArrayList<>();
        List<Double> losses = new ArrayList<>();
        int[] turns = new int[MODEL.config().layers()];
        for (JsonNode event : jobs.events(id, "metrics")) {
            JsonNode data = event.path("data");
            if (data.has("layer_importance")) {
                probed.add(data.path("step").asInt());
                assertThat(data.path("layer_importance")).hasSize(turns.length);
                assertThat(data.path("probe_losses").size()).isBetween(1, 3);
                assertThat(event.path("message").asText()).contains("/30: the layers that matter most are ");
            } else {
                losses.add(data.path("train_loss").asDouble());
                assertThat(data.path("learning_layers")).hasSize(1);
                turns[data.path("learning_layers").path(0).asInt()]++;
            }
        }
        assertThat(probed).containsExactly(4, 8, 12, 16, 20, 24, 28);
        assertThat(turns).doesNotContain(0);
        assertThat(losses.get(29)).as("of %s", losses).isLessThan(losses.get(0) / 2);
    }

    /** Of 14 modules with 8 ranks a quarter is left, in the file and in every checkpoint after the masks are complete. */
    @Test
    void prunedRanksAreLeftOut() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String files = "\"training_file\":\"" + file + "\",\"validation_file\":\"" + file + "\"";
        String settings = "\"n_epochs\":6,\"batch_size\":4,\"checkpoint_every\":15,\"learning_rate\":0.01";
        JsonNode whole = jobs.ended(jobs.create("supervised", settings, files));
        String id = jobs.create("supervised", settings + ",\"learns\":{\"type\":\"pdp\",\"sparsity\":0.75}", files);
        JsonNode pruned = jobs.ended(id);
        assertThat(ranks(jobs.adapter(whole))).isEqualTo(8 * 14);
        assertThat(ranks(jobs.adapter(pruned))).isEqualTo(2 * 14);
        String model = pruned.path("fine_tuned_model").asText();
        assertThat(ranks(server.adapter(model + ":ckpt-step-45", MODEL.config())))
                .isEqualTo(2 * 14);
        assertThat(ranks(server.adapter(model + ":ckpt-step-30", MODEL.config())))
                .isBetween(3 * 14, 7 * 14);
        List<JsonNode> steps = jobs.events(id, "metrics");
        JsonNode last = steps.get(steps.size() - 1).path("data");
        double first = steps.get(0).path("data").path("valid_loss").asDouble();
        assertThat(last.path("valid_loss").asDouble())
                .as("of %f at first", first)
                .isLessThan(first / 3);
        assertThat(steps.get(steps.size() - 2).path("data").path("sparsity").asDouble())
                .isEqualTo(0.75);
    }

    /** A quarter of 14 modules, rounded up, and half of their ranks, after a tenth of 60 steps. */
    @Test
    void modulesAndRanksAreLeftOutEarly() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String id = jobs.create(
                "supervised",
                "\"n_epochs\":6,\"batch_size\":4,\"learning_rate\":0.01,\"learns\":{\"type\":\"light_peft\"}",
                "\"training_file\":\"" + file + "\"");
        Adapter pruned = jobs.adapter(jobs.ended(id));
        assertThat(ranks(pruned)).isEqualTo(8 * 4 / 2);
        assertThat(pruned.modules()).hasSizeLessThanOrEqualTo(4);
        assertThat(jobs.events(id, "message"))
                .extracting(event -> event.path("message").asText())
                .contains("Step 6/60: " + pruned.modules().size()
                        + " of 14 modules and 16 of 112 ranks learn from here on.");
        List<JsonNode> steps = jobs.events(id, "metrics");
        double first = steps.get(0).path("data").path("train_loss").asDouble();
        double last =
                steps.get(steps.size() - 1).path("data").path("train_loss").asDouble();
        assertThat(last).as("of %f at first", first).isLessThan(first / 2);
    }

    /** Sensitive weights of some modules learn one by one, where other modules have so many of them that they get factors. */
    @Test
    void sensitiveWeightsAreTunedOneByOne() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String id = jobs.create(
                "supervised",
                "\"n_epochs\":8,\"batch_size\":4,\"learning_rate\":0.02,\"learns\":{\"type\":\"spt\",\"budget\":0.3}",
                "\"training_file\":\"" + file + "\"");
        Adapter trained = jobs.adapter(jobs.ended(id));
        LongSummaryStatistics single = trained.modules().values().stream()
                .filter(SingleWeights.class::isInstance)
                .mapToLong(Change::numbers)
                .summaryStatistics();
        List<Change> factors = trained.modules().values().stream()
                .filter(LowRank.class::isInstance)
                .toList();
        assertThat(single.getCount()).isPositive();
        assertThat(factors).isNotEmpty();
        long whole = new LoraConfig(8, 16, false, LoraConfig.allLinears(), "")
                .factors(MODEL.config())
                .sum();
        assertThat(trained.parameters()).isBetween((long) (0.2 * whole), (long) (0.3 * whole));
        assertThat(jobs.events(id, "message"))
                .extracting(event -> event.path("message").asText())
                .contains("Step 16/80: " + trained.modules().size() + " of 14 modules and " + 8 * factors.size()
                        + " of 112 ranks, and " + single.getSum() + " single weights, learn from here on.");
        List<JsonNode> steps = jobs.events(id, "metrics");
        double first = steps.get(0).path("data").path("train_loss").asDouble();
        double last =
                steps.get(steps.size() - 1).path("data").path("train_loss").asDouble();
        assertThat(last).as("of %f at first", first).isLessThan(first / 2);
    }

    private static int ranks(Adapter adapter) {
        return adapter.factors().values().stream().mapToInt(LowRank::rank).sum();
    }
}
