package io.tandem.kernels.gguf;

import io.tandem.kernels.gguf.GgufArchitecture.Trait;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.WeightNames;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds HuggingFace's tensors in a file. Those that it does not know are left out. */
final class WeightMapping {
    private static final Pattern LAYER = Pattern.compile("blk\\.(\\d{1,5})\\.(.+)\\.(weight|bias)");
    /** Older files have a tensor for each expert. */
    private static final Pattern EXPERT = Pattern.compile("ffn_(gate|up|down)\\.(\\d{1,5})");

    private static final String ALL_EXPERTS = "_exps";
    private static final Map<String, String> OUTSIDE = Map.of(
            "token_embd.weight", WeightNames.EMBEDDING,
            "output_norm.weight", WeightNames.FINAL_NORM,
            "output.weight", WeightNames.HEAD);
    private static final Map<String, String> INSIDE = Map.ofEntries(
            Map.entry("attn_norm", "input_layernorm"),
            Map.entry("attn_q", "self_attn.q_proj"),
            Map.entry("attn_k", "self_attn.k_proj"),
            Map.entry("attn_v", "self_attn.v_proj"),
            Map.entry("attn_qkv", "self_attn.qkv_proj"),
            Map.entry("attn_output", "self_attn.o_proj"),
            Map.entry("attn_q_norm", "self_attn.q_norm"),
            Map.entry("attn_k_norm", "self_attn.k_norm"),
            Map.entry("post_attention_norm", "post_attention_layernorm"),
            Map.entry("post_ffw_norm", "post_feedforward_layernorm"),
            Map.entry("ffn_gate", "mlp.gate_proj"),
            Map.entry("ffn_down", "mlp.down_proj"));

    private final Sizes sizes;
    private final Map<String, GgufWeight> weights = new TreeMap<>();

    private WeightMapping(Sizes sizes) {
        this.sizes = sizes;
    }

    /** By HuggingFace's names. */
    static Map<String, GgufWeight> of(GgufFile file, Sizes sizes) {
        WeightMapping mapping = new WeightMapping(sizes);
        for (GgufTensor tensor : file.tensors().values()) {
            Matcher layer = LAYER.matcher(tensor.name());
            String outside = OUTSIDE.get(tensor.name());
            if (outside != null) {
                mapping.put(outside, GgufWeight.of(tensor));
            } else if (layer.matches()) {
                mapping.layer(file, WeightNames.layer(Integer.parseInt(layer.group(1))), layer.group(2), tensor);
            }
        }
        return mapping.weights;
    }

    private void layer(GgufFile file, String layer, String name, GgufTensor tensor) {
        String kind = tensor.name().substring(tensor.name().lastIndexOf('.'));
        Matcher expert = EXPERT.matcher(name);
        if (name.startsWith("ffn_") && name.endsWith(ALL_EXPERTS)) {
            experts(file, layer, name.substring(0, name.length() - ALL_EXPERTS.length()), tensor);
        } else if (expert.matches()) {
            put(layer + expert("ffn_" + expert.group(1), Integer.parseInt(expert.group(2))), GgufWeight.of(tensor));
        } else if (name.equals("attn_q") || name.equals("attn_k")) {
            put(layer + INSIDE.get(name) + kind, GgufWeight.of(tensor).halves(sizes.permutedHead()));
        } else {
            String inside = inside(name);
            if (!inside.isEmpty()) {
                put(layer + inside + kind, GgufWeight.of(tensor));
            }
        }
    }

    private String inside(String name) {
        GgufArchitecture architecture = sizes.architecture();
        return switch (name) {
            case "ffn_norm" ->
                architecture.has(Trait.NORMS_BEHIND) ? "pre_feedforward_layernorm" : "post_attention_layernorm";
            case "ffn_up" -> architecture.has(Trait.GATE_IN_UP) ? "mlp.gate_up_proj" : "mlp.up_proj";
            case "ffn_gate_inp" -> mixtral() ? "block_sparse_moe.gate" : "mlp.gate";
            default -> INSIDE.getOrDefault(name, "");
        };
    }

    private void experts(GgufFile file, String layer, String name, GgufTensor tensor) {
        if (tensor.shape().length != 3 || tensor.shape()[0] != sizes.experts()) {
            throw ModelFormatException.in(
                    file.path(),
                    "tensor " + tensor + ", expected a matrix for each of " + sizes.experts() + " experts");
        }
        for (int i = 0; i < sizes.experts(); i++) {
            put(layer + expert(name, i), GgufWeight.of(tensor).expert(i));
        }
    }

    private String expert(String name, int index) {
        String label = switch (name) {
            case "ffn_gate" -> mixtral() ? "w1" : "gate_proj";
            case "ffn_down" -> mixtral() ? "w2" : "down_proj";
            default -> mixtral() ? "w3" : "up_proj";
        };
        return (mixtral() ? "block_sparse_moe" : "mlp") + ".experts." + index + "." + label + ".weight";
    }

    private boolean mixtral() {
        return sizes.architecture() == GgufArchitecture.LLAMA;
    }

    private void put(String name, GgufWeight weight) {
        boolean norm = name.endsWith("norm.weight");
        weights.put(name, norm && sizes.architecture().has(Trait.NORMS_PLUS_ONE) ? weight.fromOne() : weight);
    }
}
