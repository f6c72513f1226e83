package io.tandem.kernels.weights;

import io.tandem.kernels.model.Experts;
import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tensors that a model of a given shape consists of, by HuggingFace's names. */
public final class WeightNames {
    public static final String EMBEDDING = "model.embed_tokens.weight";
    public static final String FINAL_NORM = "model.norm.weight";
    /** The language-model head; absent if the embedding is tied. */
    public static final String HEAD = "lm_head.weight";

    /** The two factors by which a layer of a recursive model has its own weight. */
    public static final String FACTOR_A = "lora_A";

    public static final String FACTOR_B = "lora_B";

    private static final int MAX_LISTED = 10;

    private WeightNames() {}

    /** Beginning of the names of a layer, for example {@code model.layers.3.}; ends with the dot. */
    public static String layer(int layer) {
        return "model.layers." + layer + ".";
    }

    /** {@code [outputs, inputs]}: the weight of a linear of a layer. */
    public static String weight(int layer, TargetModule module) {
        return weight(layer, module, -1);
    }

    /** @param expert whose it is, -1 if it belongs to the layer */
    public static String weight(int layer, TargetModule module, int expert) {
        String number = expert < 0 ? "" : expert + ".";
        return layer(layer) + module.parent() + "." + number + module.label() + ".weight";
    }

    /** {@code [rank, inputs]} or {@code [outputs, rank]}: a factor by which a layer of a recursive model has its own weight. */
    public static String factor(int layer, TargetModule module, int expert, String factor) {
        String weight = weight(layer, module, expert);
        return weight.substring(0, weight.length() - "weight".length()) + factor + ".weight";
    }

    /** {@code [experts, hidden]}: what rates the experts of a layer. */
    public static String router(int layer, Experts experts) {
        return layer(layer) + experts.parent() + ".gate.weight";
    }

    /** {@code [outputs]}: the bias of a linear of a layer. */
    public static String bias(int layer, TargetModule module) {
        return layer(layer) + module.parent() + "." + module.label() + ".bias";
    }

    /**
     * The norms of a layer with their widths, in the order of the computation: before and after attention, before and
     * after the MLP; those that a model does not have are left out.
     */
    public static Map<NormPlace, String> norms(ModelConfig model, int layer) {
        Map<NormPlace, String> names = new EnumMap<>(NormPlace.class);
        Norms.Placement placement = model.norms().placement();
        if (placement.before()) {
            names.put(NormPlace.ATTENTION, layer(layer) + "input_layernorm.weight");
            // Where there is a norm behind attention, the name by which Llama calls the one before the MLP is taken.
            String mlp = placement.after() ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight";
            names.put(NormPlace.MLP, layer(layer) + mlp);
        }
        if (placement.after()) {
            names.put(NormPlace.AFTER_ATTENTION, layer(layer) + "post_attention_layernorm.weight");
            names.put(NormPlace.AFTER_MLP, layer(layer) + "post_feedforward_layernorm.weight");
        }
        if (model.norms().queryKey() != Norms.QueryKey.NONE) {
            names.put(NormPlace.QUERIES, layer(layer) + "self_attn.q_norm.weight");
            names.put(NormPlace.KEYS, layer(layer) + "self_attn.k_norm.weight");
        }
        return names;
    }

    /** A norm of a layer. */
    public enum NormPlace {
        ATTENTION,
        QUERIES,
        KEYS,
        AFTER_ATTENTION,
        MLP,
        AFTER_MLP;

        /** Norms of queries and keys never have one. */
        public boolean hasBias(ModelConfig model) {
            return this != QUERIES && this != KEYS && model.norms().kind() == Norms.Kind.LAYER;
        }

        /** Numbers in its weight. */
        public int width(ModelConfig model) {
            boolean together = model.norms().queryKey() == Norms.QueryKey.PROJECTION;
            return switch (this) {
                case QUERIES -> together ? model.heads() * model.headDim() : model.headDim();
                case KEYS -> together ? model.kvHeads() * model.headDim() : model.headDim();
                default -> model.hidden();
            };
        }
    }

    /** The bias of a norm, from the name of its weight. */
    public static String normBias(String weight) {
        return weight.substring(0, weight.length() - "weight".length()) + "bias";
    }

    /** Whether a linear has a bias in a model. */
    public static boolean hasBias(ModelConfig model, TargetModule module) {
        return switch (module) {
            case Q_PROJ, K_PROJ, V_PROJ, QKV_PROJ -> model.biases().qkv();
            case O_PROJ -> model.biases().output();
            case GATE_PROJ, UP_PROJ, GATE_UP_PROJ, DOWN_PROJ -> model.biases().mlp();
            default -> false;
        };
    }

    private static void put(Map<String, long[]> shapes, ModelConfig model, NormPlace place, String name) {
        shapes.put(name, new long[] {place.width(model)});
        if (place.hasBias(model)) {
            shapes.put(normBias(name), new long[] {model.hidden()});
        }
    }

    /** All tensors of a model with their shapes, in the order of the computation. */
    public static Map<String, long[]> expected(ModelConfig model) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put(EMBEDDING, new long[] {model.vocab(), model.hidden()});
        for (int layer = 0; layer < model.layers(); layer++) {
            Map<NormPlace, String> norms = norms(model, layer);
            String first = norms.remove(NormPlace.ATTENTION);
            if (first != null) {
                put(shapes, model, NormPlace.ATTENTION, first);
            }
            for (JoinedLinear linear : model.linears()) {
                for (TargetModule module : linear.modules()) {
                    if (model.block(layer) == layer) {
                        shapes.put(
                                weight(layer, module, linear.expert()),
                                new long[] {module.outputs(model), module.inputs(model)});
                    }
                    if (hasBias(model, module)) {
                        shapes.put(bias(layer, module), new long[] {module.outputs(model)});
                    }
                }
            }
            if (model.experts().isPresent()) {
                Experts experts = model.experts().get();
                shapes.put(router(layer, experts), new long[] {experts.count(), model.hidden()});
            }
            norms.forEach((place, name) -> put(shapes, model, place, name));
        }
        shapes.put(FINAL_NORM, new long[] {model.hidden()});
        if (model.norms().kind() == Norms.Kind.LAYER) {
            shapes.put(normBias(FINAL_NORM), new long[] {model.hidden()});
        }
        if (!model.tiedEmbeddings()) {
            shapes.put(HEAD, new long[] {model.vocab(), model.hidden()});
        }
        return shapes;
    }

    /** Of a recursive model, by each linear's weight its two factors with their shapes. */
    private static Map<String, Map<String, long[]>> factors(ModelConfig model) {
        Map<String, Map<String, long[]>> factors = new LinkedHashMap<>();
        model.recursion().ifPresent(recursion -> {
            for (int layer = 0; layer < model.layers(); layer++) {
                for (JoinedLinear linear : model.linears()) {
                    for (TargetModule module : linear.modules()) {
                        long rank = recursion.rank(model, module);
                        factors.put(
                                weight(layer, module, linear.expert()),
                                Map.of(
                                        factor(layer, module, linear.expert(), FACTOR_A),
                                        new long[] {rank, module.inputs(model)},
                                        factor(layer, module, linear.expert(), FACTOR_B),
                                        new long[] {module.outputs(model), rank}));
                    }
                }
            }
        });
        return factors;
    }

    /**
     * Checks that a checkpoint holds every tensor of a model in its shape, as floating point. Factors of a recursive model
     * may be absent. Further tensors are ignored: older exporters added rotary tables, and some write the tied head.
     *
     * @throws ModelFormatException that counts what is wrong and lists the first of them
     */
    public static void validate(Checkpoint checkpoint, ModelConfig model) {
        List<String> problems = new ArrayList<>();
        Map<String, long[]> shapes = expected(model);
        factors(model).forEach((pair, own) -> {
            if (own.keySet().stream().anyMatch(checkpoint.names()::contains)) {
                shapes.putAll(own);
            }
        });
        shapes.forEach((name, shape) -> {
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
