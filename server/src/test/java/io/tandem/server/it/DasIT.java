package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.testing.TinyModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A job that finds out which layers its adapter's texts may skip, to the answers of that adapter. */
@Timeout(180)
class DasIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);

    @TempDir
    private Path directory;

    private RunningServer server;
    private JobClient jobs;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory, 16);
        jobs = new JobClient(server);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /** One of two layers, after trials without either; its texts do not go through it wherever they are answered. */
    @Test
    void layersThatMatterLittleAreSkipped() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String body = "{\"model\":\"tiny\",\"seed\":5,\"training_file\":\"" + file + "\",\"validation_file\":\"" + file
                + "\",\"hyperparameters\":{\"n_epochs\":6,\"batch_size\":4,\"checkpoint_every\":6,\"learning_rate\":0.01,"
                + "\"learns\":{\"type\":\"das\",\"skip\":0.5,\"search\":0.2,\"probe_every\":4}}}";
        String id = jobs.create(body);
        JsonNode job = jobs.ended(id);
        Adapter adapter = jobs.adapter(job);
        assertThat(adapter.skipped()).hasSize(1);
        assertThat(adapter.modules())
                .hasSize(7)
                .allSatisfy((site, change) -> assertThat(adapter.skipped()).doesNotContain(site.layer()));
        String model = job.path("fine_tuned_model").asText();
        assertThat(server.adapter(model + ":ckpt-step-6", MODEL.config()).skipped())
                .hasSize(1);
        List<JsonNode> told = jobs.events(id, "metrics");
        List<Integer> probed = new ArrayList<>();
        for (JsonNode event : told) {
            JsonNode data = event.path("data");
            if (data.has("layer_importance")) {
                probed.add(data.path("step").asInt());
            } else if (data.has("train_loss")) {
                assertThat(data.path("skipped_layers"))
                        .hasSize(data.path("step").asInt() <= 12 ? 1 : 0);
            }
        }
        assertThat(probed).containsExactly(0, 3, 6, 9);
        assertThat(jobs.events(id, "message"))
                .extracting(event -> event.path("message").asText())
                .contains("Step 12/60: 7 of 14 modules and 56 of 112 ranks learn from here on; layers "
                        + adapter.skipped().first() + " are skipped.");
        double first = told.get(0).path("data").path("valid_loss").asDouble();
        double last = told.get(told.size() - 1).path("data").path("valid_loss").asDouble();
        assertThat(last).as("of %f at first", first).isPositive().isLessThan(first / 2);

        // Exported, and published again, it answers alike; without the field it does not.
        AdapterClient adapters = new AdapterClient(server, directory);
        adapters.create("again", adapter);
        assertThat(jobs.text("again")).isEqualTo(jobs.text(model));
        adapters.create("all-layers", new Adapter(adapter.config(), adapter.modules()));
        assertThat(jobs.text("all-layers")).isNotEqualTo(jobs.text(model));
    }
}
