package io.tandem.kernels.weights;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tensors that a model of a given shape consists of, by HuggingFace's names. */
public final class WeightNames {
    public static final String EMBEDDING = "model.embed_tokens.weight";
    public static final String FINAL_NORM = "model.norm.weight";
    /** The language-model head; absent if the embedding is tied. */
    public static final String HEAD = "lm_head.weight";

    private static final int MAX_LISTED = 10;

    private WeightNames() {}

    /** Beginning of the names of a layer, for example {@code model.layers.3.}; ends with the dot. */
    public static String layer(int layer) {
        return "model.layers." + layer + ".";
    }

    /** {@code [outputs, inputs]}: the weight of a linear of a layer. */
    public static String weight(int layer, TargetModule module) {
        return layer(layer) + module.parent() + "." + module.label() + ".weight";
    }

    /** {@code [outputs]}: the bias of a linear of a layer. */
    public static String bias(int layer, TargetModule module) {
        return layer(layer) + module.parent() + "." + module.label() + ".bias";
    }

    /** {@code [hidden]}: RMSNorm before attention. */
    public static String attentionNorm(int layer) {
        return layer(layer) + "input_layernorm.weight";
    }

    /** {@code [hidden]}: RMSNorm before the MLP. */
    public static String mlpNorm(int layer) {
        return layer(layer) + "post_attention_layernorm.weight";
    }

    /** {@code [headDim]}: RMSNorm of every query head. */
    public static String queryNorm(int layer) {
        return layer(layer) + "self_attn.q_norm.weight";
    }

    /** {@code [headDim]}: RMSNorm of every key head. */
    public static String keyNorm(int layer) {
        return layer(layer) + "self_attn.k_norm.weight";
    }

    /** Whether a linear has a bias in a model. */
    public static boolean hasBias(ModelConfig model, TargetModule module) {
        return switch (module) {
            case Q_PROJ, K_PROJ, V_PROJ -> model.qkvBias();
            case O_PROJ -> model.outputBias();
            case GATE_PROJ, UP_PROJ, DOWN_PROJ -> model.mlpBias();
        };
    }

    /** All tensors of a model with their shapes, in the order of the computation. */
    public static Map<String, long[]> expected(ModelConfig model) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put(EMBEDDING, new long[] {model.vocab(), model.hidden()});
        for (int layer = 0; layer < model.layers(); layer++) {
            shapes.put(attentionNorm(layer), new long[] {model.hidden()});
            for (TargetModule module : TargetModule.values()) {
                shapes.put(weight(layer, module), new long[] {module.outputs(model), module.inputs(model)});
                if (hasBias(model, module)) {
                    shapes.put(bias(layer, module), new long[] {module.outputs(model)});
                }
            }
            if (model.qkNorm()) {
                shapes.put(queryNorm(layer), new long[] {model.headDim()});
                shapes.put(keyNorm(layer), new long[] {model.headDim()});
            }
            shapes.put(mlpNorm(layer), new long[] {model.hidden()});
        }
        shapes.put(FINAL_NORM, new long[] {model.hidden()});
        if (!model.tiedEmbeddings()) {
            shapes.put(HEAD, new long[] {model.vocab(), model.hidden()});
        }
        return shapes;
    }

    /**
     * Checks that a checkpoint holds every tensor of a model in its shape, as floating point. Further tensors are
     * ignored: older exporters added rotary tables, and some write the tied head.
     *
     * @throws ModelFormatException that counts what is wrong and lists the first of them
     */
    public static void validate(Checkpoint checkpoint, ModelConfig model) {
        List<String> problems = new ArrayList<>();
        expected(model).forEach((name, shape) -> {
            if (!checkpoint.names().contains(name)) {
                problems.add(name + " is missing, expected " + Arrays.toString(shape));
                return;
            }
            TensorEntry entry = checkpoint.entry(name);
            if (!Arrays.equals(entry.shape(), shape)) {
                problems.add(name + " is " + Arrays.toString(entry.shape()) + ", expected " + Arrays.toString(shape));
            } else if (!entry.dtype().isFloating()) {
                problems.add(name + " is " + entry.dtype() + ", expected F64, F32, F16 or BF16");
            }
        });
        if (!problems.isEmpty()) {
            throw ModelFormatException.in(
                    checkpoint.directory(),
                    problems.size() + " tensors do not fit config.json: "
                            + String.join("; ", problems.subList(0, Math.min(MAX_LISTED, problems.size()))));
        }
    }
}
