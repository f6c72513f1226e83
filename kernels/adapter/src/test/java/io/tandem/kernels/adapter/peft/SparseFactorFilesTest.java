package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.SparseFactors;
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

/** Checkpoints of training over sparse weights. */
class SparseFactorFilesTest {
    private static final Site SITE = new Site(1, TargetModule.V_PROJ);
    private static final String NAME = "base_model.model.model.layers.1.self_attn.v_proj.pst_";
    private static final String FIELDS = "\"peft_type\":\"PST\",\"r\":2,\"sparsity\":0.25";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final int inputs = TargetModule.V_PROJ.inputs(model);
    private final int outputs = TargetModule.V_PROJ.outputs(model);

    @TempDir
    Path directory;

    private PeftDirectory byHand() {
        return new PeftDirectory(directory, model)
                .tensor(NAME + "U", new long[] {outputs, 2})
                .tensor(NAME + "V", new long[] {2, inputs})
                .tensor(NAME + "A", new long[] {outputs, 2})
                .tensor(NAME + "B", new long[] {2, inputs})
                .tensor(NAME + "R", new long[] {outputs})
                .tensor(NAME + "C", new long[] {inputs});
    }

    @Test
    void aDirectoryByHand() throws IOException {
        Adapter adapter = PeftFormat.read(byHand().write(FIELDS), model, 8);
        assertThat(adapter.config()).isEqualTo(new SparseConfig(2, Set.of(TargetModule.V_PROJ), ""));
        assertThat(adapter.modules().get(SITE)).isInstanceOfSatisfying(SparseFactors.class, own -> {
            assertThat(own.sparsity()).isEqualTo(0.25);
            assertThat(own.change().rank()).isEqualTo(2);
        });
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        refused(byHand().write(FIELDS.replace("0.25", "1")), "sparsity");
        refused(byHand().write(FIELDS.replace("0.25", "-1")), "sparsity");
        refused(
                byHand().write(FIELDS.replace("\"r\":2", "\"r\":3")),
                "v_proj.pst_U is [" + outputs + ", 2] of F32, expected [" + outputs + ", 3]");
        refused(byHand().write(FIELDS.replace("\"r\":2", "\"r\":9")), "it has rank 9, at most 8 is possible");
        refused(byHand().without(NAME + "C").write(FIELDS), NAME + "C is missing");
        refused(byHand().without(NAME + "U").write(FIELDS), "changes no module of the model");
        refused(byHand().tensor("lm_head.weight", new long[] {1}).write(FIELDS), "but the file has lm_head.weight");
        float[] infinite = new float[inputs];
        infinite[3] = Float.POSITIVE_INFINITY;
        refused(
                byHand().tensor(NAME + "C", new long[] {inputs}, infinite).write(FIELDS),
                "has the value Infinity at 3");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    @Test
    void checkpointsReadBackAsTheyWereWritten() throws IOException {
        Adapter adapter = TinyAdapters.sparse(model, 3, 0.1 + 0.2, 7);
        PeftFormat.write(directory, adapter, model);
        Adapter read = PeftFormat.read(directory, model, 8);
        assertThat(read.modules()).usingRecursiveComparison().isEqualTo(adapter.modules());
        assertThat(read.config()).isEqualTo(adapter.config());
        Refusals.ofMergingAndCompressing(
                adapter, directory, "is changed by factors over sparse weights, which is not a product");
    }
}
