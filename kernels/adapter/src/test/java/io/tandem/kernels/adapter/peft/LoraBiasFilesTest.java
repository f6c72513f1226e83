package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** LoRA with a bias on B in PEFT's layout. */
class LoraBiasFilesTest {
    private static final Site SITE = new Site(1, TargetModule.Q_PROJ);
    private static final String BIAS = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.bias";
    private static final String FIELDS = "\"r\":4,\"lora_alpha\":8,\"target_modules\":[\"q_proj\"],\"peft_type\":";
    private static final String TRUE = FIELDS + "\"LORA\",\"lora_bias\":true";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final int outputs = TargetModule.Q_PROJ.outputs(model);

    @TempDir
    Path directory;

    private PeftDirectory byHand(int rank, int length) {
        return new PeftDirectory(directory, model)
                .factors(SITE, rank)
                .tensor(BIAS, new long[] {length}, values(length));
    }

    private static float[] values(int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = i / 8f - 2;
        }
        return values;
    }

    @Test
    void aDirectoryAsPeftSavesIt() throws IOException {
        Adapter adapter = PeftFormat.read(byHand(4, outputs).write(TRUE), model, 8);
        assertThat(adapter.modules().get(SITE)).isInstanceOfSatisfying(BiasedFactors.class, biased -> {
            assertThat(biased.bias()).containsExactly(values(outputs));
            assertThat(biased.factors().scaling()).isEqualTo(2);
            assertThat(biased.scaledBias()[5]).isEqualTo(2 * values(outputs)[5]);
            assertThat(biased.rank()).isEqualTo(4);
        });
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        refused(byHand(4, outputs).write(FIELDS + "\"LORA\""), "has a bias, but lora_bias is not true");
        refused(byHand(4, outputs - 1).write(TRUE), "q_proj.lora_B.bias is [" + (outputs - 1) + "], expected [");
        refused(byHand(4, outputs).without(BIAS).write(TRUE), "q_proj.lora_B.bias is missing");
        refused(
                byHand(8, outputs).write(TRUE.replace("\"r\":4", "\"r\":8")),
                "has rank 8 and a bias, which takes the room of one more, expected at most 8 together");
        refused(
                byHand(4, outputs).write(TRUE.replace("LORA", "ADALORA") + ",\"init_r\":4,\"target_r\":2"),
                "lora_bias is true, expected false");
        refused(
                byHand(4, outputs).write(TRUE + ",\"alora_invocation_tokens\":[1]"),
                "lora_bias is true, expected false");
        float[] infinite = values(outputs);
        infinite[3] = Float.NaN;
        refused(byHand(4, outputs).tensor(BIAS, new long[] {outputs}, infinite).write(TRUE), "has the value NaN at 3");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    @Test
    void anAdapterReadsBackAsItWasWritten() throws IOException {
        Adapter adapter = TinyAdapters.biased(model, 5, 7);
        PeftFormat.write(directory, adapter, model);
        assertThat(PeftFormat.read(directory, model, 8).modules())
                .usingRecursiveComparison()
                .isEqualTo(adapter.modules());
        JsonNode json = new ObjectMapper()
                .readTree(directory.resolve("adapter_config.json").toFile());
        assertThat(json.get("lora_bias").asBoolean()).isTrue();
    }

    @Test
    void allModulesHaveABiasOrNone() {
        Adapter adapter = TinyAdapters.biased(model, 5, 7);
        Map<Site, Change> mixed = new TreeMap<>(adapter.modules());
        mixed.put(SITE, mixed.get(SITE).lowRank().orElseThrow());
        assertThatThrownBy(() -> PeftFormat.write(directory, new Adapter(adapter.config(), mixed), model))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("an adapter cannot be saved that has LoRA beside LoRA with a bias");
    }

    /** The bias is no part of the product. */
    @Test
    void mergingAndCompressionRefuseItByName() {
        Refusals.ofMergingAndCompressing(
                TinyAdapters.biased(model, 5, 7),
                directory,
                "is changed by LoRA with a bias, which is not a product of low-rank factors");
    }
}
