package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.decoder.ModelArguments.LayerParts;
import io.tandem.kernels.decoder.ModelArguments.Structure;
import io.tandem.kernels.decoder.ScriptObjects.FormsObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.model.Experts;
import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.LayerAttention;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.Rotary;
import io.tandem.kernels.model.Scales;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.WeightNames;
import io.tandem.kernels.weights.WeightNames.NormPlace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Builds the model object of {@code model.py} from a checkpoint, one layer at a time. */
final class ModelLoader {
    /** In the order of {@code model.py}. */
    private static final List<NormPlace> NORMS = List.of(
            NormPlace.ATTENTION,
            NormPlace.AFTER_ATTENTION,
            NormPlace.MLP,
            NormPlace.AFTER_MLP,
            NormPlace.QUERIES,
            NormPlace.KEYS);

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
            List<PtNDArray> cos = new ArrayList<>();
            List<PtNDArray> sin = new ArrayList<>();
            for (Rotary rotary : model.rotaries()) {
                RopeTable rope = RopeTable.of(rotary, positions);
                cos.add(scope.tensor(rope.cos(), positions, rotary.width()));
                sin.add(scope.tensor(rope.sin(), positions, rotary.width()));
            }
            String bias = model.norms().kind() == Norms.Kind.LAYER ? WeightNames.normBias(WeightNames.FINAL_NORM) : "";
            return script.newModel(
                    owner,
                    structure(),
                    linear(scope, WeightNames.EMBEDDING),
                    model.scales().embedding(),
                    norm(scope, WeightNames.FINAL_NORM, bias),
                    model.tiedEmbeddings() ? absent(scope) : linear(scope, WeightNames.HEAD),
                    cos,
                    sin,
                    forms);
        }
    }

    private Structure structure() {
        Scales scales = model.scales();
        return new Structure(
                new long[] {
                    model.layers(),
                    model.hidden(),
                    model.heads(),
                    model.kvHeads(),
                    model.headDim(),
                    model.activation().code(),
                    model.experts().map(Experts::count).orElse(0),
                    model.experts().map(Experts::active).orElse(0),
                    model.experts().filter(Experts::shared).isPresent() ? 1 : 0,
                    DeviceProfile.ofThisMachine().joinedHeads(limits.dtype(), model)
                },
                new double[] {
                    model.norms().epsilon(),
                    model.norms().kind() == Norms.Kind.RMS_FROM_ONE ? 1 : 0,
                    scales.attention(),
                    scales.attentionCap(),
                    scales.residual(),
                    scales.logits(),
                    scales.logitCap()
                },
                model.windows().stream().mapToLong(window -> window).toArray());
    }

    private void addLayer(TensorScope parent, ModelObject loaded, int layer, FormsObject forms) {
        try (TensorScope scope = parent.open()) {
            List<PtNDArray> linears = new ArrayList<>();
            List<PtNDArray> biases = new ArrayList<>();
            List<PtNDArray> a = new ArrayList<>();
            List<PtNDArray> b = new ArrayList<>();
            List<Integer> columns = new ArrayList<>();
            int block = model.block(layer);
            for (JoinedLinear joined : model.linears()) {
                int column = 0;
                for (TargetModule module : joined.modules()) {
                    if (block == layer) {
                        linears.add(linear(scope, WeightNames.weight(layer, module, joined.expert())));
                    }
                    a.add(factor(scope, WeightNames.factor(layer, module, joined.expert(), WeightNames.FACTOR_A)));
                    b.add(factor(scope, WeightNames.factor(layer, module, joined.expert(), WeightNames.FACTOR_B)));
                    columns.add(column);
                    column += module.outputs(model);
                    biases.add(
                            WeightNames.hasBias(model, module)
                                    ? linear(scope, WeightNames.bias(layer, module))
                                    : absent(scope));
                }
            }
            PtNDArray router = model.experts()
                    .map(experts -> linear(scope, WeightNames.router(layer, experts)))
                    .orElseGet(() -> absent(scope));
            List<PtNDArray> norms = new ArrayList<>();
            Map<NormPlace, String> names = WeightNames.norms(model, layer);
            for (NormPlace place : NORMS) {
                String name = names.getOrDefault(place, "");
                String bias = !name.isEmpty() && place.hasBias(model) ? WeightNames.normBias(name) : "";
                norms.addAll(norm(scope, name, bias));
            }
            long[] parts = model.linears().stream()
                    .mapToLong(joined -> joined.modules().size())
                    .toArray();
            LayerAttention attention = model.attention().get(layer);
            int mask = model.windows().indexOf(attention.window());
            script.addLayer(
                    scope,
                    loaded,
                    new LayerParts(
                            linears,
                            biases,
                            parts,
                            router,
                            norms,
                            new long[] {attention.window(), mask, attention.rotary(), block == layer ? -1 : block},
                            a,
                            b,
                            columns.stream().mapToLong(column -> column).toArray()),
                    forms);
        }
    }

    /** A weight of a linear, or its bias. */
    private PtNDArray linear(TensorScope scope, String name) {
        return weights.read(scope, name, limits.dtype());
    }

    /** Of a recursive model, empty where it has none. */
    private PtNDArray factor(TensorScope scope, String name) {
        boolean absent = model.recursion().isEmpty() || !checkpoint.names().contains(name);
        return absent ? absent(scope) : linear(scope, name);
    }

    /** Weight and bias of a norm, empty where the name is. */
    private List<PtNDArray> norm(TensorScope scope, String name, String bias) {
        return List.of(exactly(scope, name), exactly(scope, bias));
    }

    private PtNDArray exactly(TensorScope scope, String name) {
        return name.isEmpty() ? absent(scope) : weights.readExactly(scope, name);
    }

    private static PtNDArray absent(TensorScope scope) {
        return scope.tensor(new float[0], 0);
    }
}
