package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.decoder.DecoderScript.FormsObject;
import io.tandem.kernels.decoder.DecoderScript.ModelObject;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.WeightNames;
import java.util.ArrayList;
import java.util.List;

/** Builds the model object of {@code model.py} from a checkpoint, one layer at a time. */
final class ModelLoader {
    private final DecoderScript script;
    private final Checkpoint checkpoint;
    private final WeightReader weights;
    private final ModelConfig model;
    private final KernelsConfig limits;

    ModelLoader(
            DecoderScript script,
            Checkpoint checkpoint,
            ModelConfig model,
            KernelsConfig limits,
            LoadProgress progress) {
        this.script = script;
        this.checkpoint = checkpoint;
        this.weights = new WeightReader(script, checkpoint, limits.weights().roundsToFloat16(), progress);
        this.model = model;
        this.limits = limits;
    }

    /** @return the model object, owned by {@code owner} */
    ModelObject load(TensorScope owner) {
        int positions = limits.contextTokens();
        WeightNames.validate(checkpoint, model);
        try (TensorScope scope = owner.open()) {
            WeightForms chosen = limits.weights();
            FormsObject forms = script.newForms(scope, chosen.few(), chosen.rows(), chosen.many());
            ModelObject loaded = newModel(owner, positions, forms);
            for (int layer = 0; layer < model.layers(); layer++) {
                addLayer(scope, loaded, layer, forms);
            }
            return loaded;
        }
    }

    private ModelObject newModel(TensorScope owner, int positions, FormsObject forms) {
        // An output layer of its own is in memory twice until this scope closes: as it was read, and in its form.
        try (TensorScope scope = owner.open()) {
            RopeTable rope = RopeTable.of(model, positions);
            return script.newModel(
                    owner,
                    new long[] {model.layers(), model.hidden(), model.heads(), model.kvHeads(), model.headDim()},
                    model.rmsEpsilon(),
                    linear(scope, WeightNames.EMBEDDING),
                    norm(scope, WeightNames.FINAL_NORM),
                    model.tiedEmbeddings() ? absent(scope) : linear(scope, WeightNames.HEAD),
                    scope.tensor(rope.cos(), positions, model.headDim()),
                    scope.tensor(rope.sin(), positions, model.headDim()),
                    forms);
        }
    }

    private void addLayer(TensorScope parent, ModelObject loaded, int layer, FormsObject forms) {
        try (TensorScope scope = parent.open()) {
            List<PtNDArray> linears = new ArrayList<>();
            List<PtNDArray> biases = new ArrayList<>();
            for (TargetModule module : TargetModule.values()) {
                linears.add(linear(scope, WeightNames.weight(layer, module)));
                biases.add(
                        WeightNames.hasBias(model, module)
                                ? linear(scope, WeightNames.bias(layer, module))
                                : absent(scope));
            }
            List<PtNDArray> norms = new ArrayList<>();
            norms.add(norm(scope, WeightNames.attentionNorm(layer)));
            norms.add(norm(scope, WeightNames.mlpNorm(layer)));
            if (model.qkNorm()) {
                norms.add(norm(scope, WeightNames.queryNorm(layer)));
                norms.add(norm(scope, WeightNames.keyNorm(layer)));
            }
            script.addLayer(scope, loaded, linears, biases, norms, forms);
        }
    }

    /** A weight of a linear, or its bias. */
    private PtNDArray linear(TensorScope scope, String name) {
        return weights.read(scope, name, limits.dtype());
    }

    private PtNDArray norm(TensorScope scope, String name) {
        return weights.readExactly(scope, name);
    }

    private static PtNDArray absent(TensorScope scope) {
        return scope.tensor(new float[0], 0);
    }
}
