package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.api.JsonBody;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** L4Q as a job: the base model that comes of it, and what it is worth. */
class QuantizedBaseIT extends BaseMakingIT {
    private static final String METHOD =
            "\"peft\":\"l4q\",\"group_size\":4,\"batch_size\":4,\"learning_rate\":0.01,\"checkpoint_every\":5";
    private static final String SETTINGS = METHOD + ",\"n_epochs\":6";

    QuantizedBaseIT() {
        super(METHOD);
    }

    /** Requests beside the job get what they always get. */
    @Test
    void theBaseServesWhatTheJobMeasured() throws Exception {
        String before = bases.text();
        String whole = bases.create(SETTINGS);
        jobs.awaitMessage(whole, "Step 3/60");
        assertThat(bases.text()).isEqualTo(before);
        JsonNode job = jobs.succeeded(whole);
        assertThat(job.path("fine_tuned_model").isNull()).isTrue();
        List<Double> losses = bases.validLosses(whole);
        assertThat(losses.get(losses.size() - 1)).isLessThan(losses.get(0) / 2);

        try (RunningServer served = RunningServer.start(directory.resolve("second"), base(job))) {
            BaseJobs made = new BaseJobs(served);
            assertThat(made.text()).isNotEmpty();
            assertThat(made.measured()).isCloseTo(losses.get(losses.size() - 1), Offset.offset(1e-5));
        }
    }

    @Test
    void itsFilesAreOfAFormatThatOthersRead() throws Exception {
        Path base = base(jobs.succeeded(bases.create(SETTINGS + ",\"target_modules\":[\"q_proj\"]")));
        JsonNode config = JsonBody.MAPPER.readTree(base.resolve("config.json").toFile());
        JsonNode quantization = config.path("quantization_config");
        assertThat(quantization.path("quant_method").asText()).isEqualTo("compressed-tensors");
        assertThat(quantization.at("/config_groups/group_0/weights/group_size").asInt())
                .isEqualTo(4);
        assertThat(quantization.path("ignore").toString())
                .contains("lm_head", "model.layers.0.self_attn.k_proj")
                .doesNotContain("q_proj");
        assertThat(config.path("hidden_size").asInt())
                .isEqualTo(TinyModel.of(TinyModel.Variant.LLAMA, 1).config().hidden());
        assertThat(base.resolve("tokenizer.json")).exists();
    }

    @Test
    void aCheckpointIsNoAdapter() throws Exception {
        assertThat(refused(3)).contains("is a checkpoint of training over quantized weights (L4Q)");
        // It would be examined in a time that grows with the square of its rank.
        assertThat(refused(2000)).contains("it has rank 2000, at most 16 is possible (kernels.max-rank)");
        assertThat(bases.text()).as("the engine runs").isNotEmpty();
    }

    private String refused(int rank) throws Exception {
        PeftFormat.write(
                directory.resolve("import/q"),
                TinyAdapters.quantized(TinyModel.of(TinyModel.Variant.LLAMA, 1).config(), rank, 4, 4, 1),
                TinyModel.of(TinyModel.Variant.LLAMA, 1).config());
        HttpResponse<String> refused =
                server.post("/v1/load_lora_adapter", "{\"lora_name\":\"q\",\"lora_path\":\"q\"}");
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
        return refused.body();
    }

    @Test
    void whatCannotBeIsRefusedByName() throws Exception {
        bases.refused(SETTINGS.replace("size\":4,\"batch", "size\":32,\"batch"), "peft", "'group_size' that divides");
        bases.refused(SETTINGS + ",\"bits\":5", "bits", "must be 4 or 8");
        bases.refused(SETTINGS + ",\"lora_plus_ratio\":2", "lora_plus_ratio", "is not a setting of the method 'l4q'");
        bases.refused(SETTINGS + ",\"under\":[\"a\"]", "under", "of which a base model comes");
        bases.refused(SETTINGS + ",\"controls\":{\"a\":\"b\"}", "controls", "of which a base model comes");
        bases.refused(SETTINGS + ",\"learns\":{\"type\":\"spt\"}", "learns", "plain LoRA");
        bases.refused(SETTINGS + ",\"learns\":{\"type\":\"ist\"}", "learns", "makes another base");
        bases.refused("\"group_size\":4", "group_size", "is not a setting of the method 'lora'");
    }
}
