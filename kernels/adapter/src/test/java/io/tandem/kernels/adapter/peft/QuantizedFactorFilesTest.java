package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints of training over quantized weights. */
class QuantizedFactorFilesTest {
    private static final Site SITE = new Site(1, TargetModule.V_PROJ);
    private static final String NAME = "base_model.model.model.layers.1.self_attn.v_proj.l4q_";
    private static final String FIELDS =
            "\"peft_type\":\"L4Q\",\"r\":2,\"lora_alpha\":3,\"use_rslora\":false,\"bits\":4,\"group_size\":8";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final int inputs = TargetModule.V_PROJ.inputs(model);
    private final int outputs = TargetModule.V_PROJ.outputs(model);

    @TempDir
    Path directory;

    private PeftDirectory byHand() {
        return new PeftDirectory(directory, model)
                .tensor(NAME + "A", new long[] {2, inputs})
                .tensor(NAME + "B", new long[] {outputs, 2})
                .tensor(NAME + "steps", new long[] {outputs, inputs / 8});
    }

    @Test
    void aDirectoryByHand() throws IOException {
        Adapter adapter = PeftFormat.read(byHand().write(FIELDS), model, 8);
        assertThat(adapter.config())
                .isEqualTo(new QuantizedConfig(new LoraConfig(2, 3, false, Set.of(TargetModule.V_PROJ), ""), 4, 8));
        assertThat(adapter.modules().get(SITE)).isInstanceOfSatisfying(QuantizedFactors.class, own -> {
            assertThat(own.scaling()).isEqualTo(1.5);
            assertThat(own.groups()).isEqualTo(inputs / 8);
            assertThat(own.step(0, 0)).as("never zero").isPositive();
        });
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        refused(byHand().write(FIELDS.replace("\"bits\":4", "\"bits\":5")), "bits is 5, expected 4 or 8");
        refused(byHand().write(FIELDS.replace("\"group_size\":8", "\"group_size\":5")), "a divisor of the");
        refused(
                byHand().write(FIELDS.replace("\"r\":2", "\"r\":3")),
                "v_proj.l4q_A is [2, " + inputs + "] of F32, expected [3, ");
        refused(byHand().write(FIELDS.replace("\"r\":2", "\"r\":9")), "it has rank 9, at most 8 is possible");
        refused(byHand().without(NAME + "steps").write(FIELDS), NAME + "steps is missing");
        refused(byHand().without(NAME + "A").write(FIELDS), "changes no module of the model");
        refused(byHand().tensor("lm_head.weight", new long[] {1}).write(FIELDS), "but the file has lm_head.weight");
        float[] infinite = new float[2 * inputs];
        infinite[3] = Float.POSITIVE_INFINITY;
        refused(
                byHand().tensor(NAME + "A", new long[] {2, inputs}, infinite).write(FIELDS),
                "has the value Infinity at 3");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    @Test
    void checkpointsReadBackAsTheyWereWritten() throws IOException {
        Adapter adapter = TinyAdapters.quantized(model, 3, 8, 4, 7);
        PeftFormat.write(directory, adapter, model);
        Adapter read = PeftFormat.read(directory, model, 8);
        assertThat(read.modules()).usingRecursiveComparison().isEqualTo(adapter.modules());
        assertThat(read.config().rank()).isEqualTo(3);
        Refusals.ofMergingAndCompressing(
                adapter, directory, "is changed by factors over quantized weights, which is not a product");
    }
}
