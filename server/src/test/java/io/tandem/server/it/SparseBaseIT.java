package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.Checkpoint;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** PST as a job: the sparse base model that comes of it, and what it is worth. */
class SparseBaseIT extends BaseMakingIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final ModelConfig MODEL =
            TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private static final String METHOD = "\"peft\":\"pst\",\"rank\":4,\"sparsity\":0.6,\"batch_size\":4,"
            + "\"learning_rate\":0.003,\"checkpoint_every\":5";
    private static final String SETTINGS = METHOD + ",\"n_epochs\":6";

    SparseBaseIT() {
        super(METHOD);
    }

    /** Every linear of the layers has the zeros that were asked for, and nothing else has any. */
    private static void requireSparse(Path base, double sparsity) {
        Checkpoint weights = ModelSource.open(base).weights();
        for (Site site : Site.all(MODEL)) {
            float[] weight = weights.floats(site + ".weight");
            assertThat(zeros(weight)).as("%s", site).isEqualTo((int) (sparsity * weight.length));
        }
        assertThat(zeros(weights.floats("model.embed_tokens.weight"))).isZero();
    }

    private static int zeros(float[] weight) {
        int zeros = 0;
        for (float value : weight) {
            zeros += value == 0 ? 1 : 0;
        }
        return zeros;
    }

    @Test
    void theBaseIsSparseAndServesWhatTheJobMeasured() throws Exception {
        String before = bases.text();
        String id = bases.create(SETTINGS);
        jobs.awaitMessage(id, "Step 10/60");
        assertThat(bases.text()).as("beside the job").isEqualTo(before);
        JsonNode job = jobs.succeeded(id);
        assertThat(job.path("fine_tuned_model").isNull()).isTrue();
        List<Double> losses = bases.validLosses(id);
        assertThat(losses.get(losses.size() - 1)).isLessThan(losses.get(0) / 2);
        requireSparse(base(job), 0.6);
        List<Double> sparsities = jobs.events(id).stream()
                .map(event -> event.path("data").path("sparsity"))
                .filter(JsonNode::isNumber)
                .map(JsonNode::asDouble)
                .toList();
        assertThat(sparsities)
                .as("those of steps 7 to 60")
                .hasSize(54)
                .contains(0.6)
                .allMatch(share -> share <= 0.6);
        assertThat(base(job).resolve("tokenizer.json")).exists();

        try (RunningServer served = RunningServer.start(directory.resolve("second"), base(job))) {
            BaseJobs made = new BaseJobs(served);
            assertThat(made.text()).isNotEmpty();
            assertThat(made.measured()).isCloseTo(losses.get(losses.size() - 1), Offset.offset(1e-5));
        }
    }

    @Test
    void aCheckpointIsNoAdapter() throws Exception {
        PeftFormat.write(directory.resolve("import/s"), TinyAdapters.sparse(MODEL, 3, 0.5, 1), MODEL);
        HttpResponse<String> refused =
                server.post("/v1/load_lora_adapter", "{\"lora_name\":\"s\",\"lora_path\":\"s\"}");
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(refused.body()).contains("is a checkpoint of training over sparse weights (PST)");
        assertThat(bases.text()).as("the engine runs").isNotEmpty();
    }

    @Test
    void whatCannotBeIsRefusedByName() throws Exception {
        bases.refused(SETTINGS + ",\"alpha\":2", "alpha", "is not a setting of the method 'pst'");
        bases.refused(SETTINGS + ",\"layers\":[0]", "layers", "is not a setting of the method 'pst'");
        bases.refused(SETTINGS.replace("0.6", "1"), "sparsity", "0.01");
        bases.refused(SETTINGS + ",\"sparsity_warmup\":0.5,\"sparsity_hold\":0.5", "sparsity_hold", "less than 1");
        bases.refused(SETTINGS + ",\"keep_best\":true,\"eval_every\":5", "keep_best", "only after the last step");
        bases.refused(
                SETTINGS + ",\"early_stopping_patience\":2,\"eval_every\":5",
                "early_stopping_patience",
                "only after the last step");
        for (String learns : List.of("ist", "pdp", "spt", "das", "light_peft", "teacher")) {
            bases.refused(
                    SETTINGS + ",\"learns\":{\"type\":\"" + learns + "\"}",
                    "learns",
                    "another choice than that of 'pst'");
        }
        bases.refused(SETTINGS + ",\"under\":[\"a\"]", "under", "of which a base model comes");
        bases.refused(SETTINGS + ",\"controls\":{\"a\":\"b\"}", "controls", "of which a base model comes");
        bases.refused(SETTINGS + ",\"modules_to_save\":[\"lm_head\"]", "modules_to_save", "is not a setting");
        bases.refused("\"sparsity\":0.5", "sparsity", "is not a setting of the method 'lora'");
        String file = server.upload("train.jsonl", TrainingFiles.chats(4));
        HttpResponse<String> search = server.post(
                JOBS,
                "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"validation_file\":\"" + file
                        + "\",\"method\":{\"type\":\"search\",\"search\":{\"hyperparameters\":{\"peft\":\"pst\"}}}}");
        assertThat(search.statusCode()).isEqualTo(400);
        assertThat(search.body()).contains("peft", "of a search must be among");
    }
}
