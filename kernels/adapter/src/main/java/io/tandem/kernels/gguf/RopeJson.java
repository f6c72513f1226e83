package io.tandem.kernels.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.Map;

/** Writes what a file says of rotary embeddings, in keys and in tensors. */
record RopeJson(GgufFile file, Sizes sizes, Keys keys) {
    private static final String TYPE = "rope.scaling.type";
    private static final String FACTOR = "rope.scaling.factor";
    private static final String ORIGINAL = "rope.scaling.original_context_length";
    private static final String ATTENTION = "rope.scaling.attn_factor";
    /** Of Gemma 3's layers with a window. */
    private static final double LOCAL_BASE = 10_000;

    void into(ObjectNode json) {
        json.put("rope_theta", keys.number("rope.freq_base").orElse(10_000));
        if (sizes.architecture() == GgufArchitecture.GEMMA3) {
            json.put("rope_local_base_freq", keys.number("rope.freq_base_swa").orElse(LOCAL_BASE));
        }
        int rotated = keys.integer("rope.dimension_count", sizes.headDim());
        if (rotated != sizes.headDim()) {
            if (sizes.architecture() != GgufArchitecture.PHI3) {
                throw keys.refuse("rope.dimension_count", "all " + sizes.headDim() + " channels of a head");
            }
            json.put("partial_rotary_factor", (double) rotated / sizes.headDim());
        }
        if (file.tensors().containsKey("rope_freqs.weight")) {
            // Llama 3.1's scaling, as the factors that come of it.
            ObjectNode scaling = factors(json, "rope_freqs.weight", "rope_freqs.weight");
            scaling.put("attention_factor", 1.0).put("original_max_position_embeddings", context(json));
        } else if (file.tensors().containsKey("rope_factors_long.weight")) {
            ObjectNode scaling = factors(json, "rope_factors_short.weight", "rope_factors_long.weight");
            scaling.put("original_max_position_embeddings", keys.integer(ORIGINAL, context(json)));
            keys.number(ATTENTION).ifPresent(factor -> scaling.put("attention_factor", factor));
        } else {
            scaling(json);
        }
    }

    private static int context(ObjectNode json) {
        return json.path("max_position_embeddings").intValue();
    }

    private ObjectNode factors(ObjectNode json, String shorter, String longer) {
        ObjectNode scaling = json.putObject("rope_scaling").put("rope_type", "longrope");
        put(scaling.putArray("short_factor"), shorter);
        put(scaling.putArray("long_factor"), longer);
        return scaling;
    }

    private void put(ArrayNode factors, String tensor) {
        GgufTensor stored = file.tensors().get(tensor);
        if (stored == null || stored.shape().length != 1 || stored.rowElements() > sizes.headDim()) {
            throw ModelFormatException.in(
                    file.path(),
                    "tensor " + (stored == null ? tensor + " is missing" : stored)
                            + ", expected one factor for each pair of channels");
        }
        for (float factor : new GgufTensors(file, Map.of(tensor, GgufWeight.of(stored))).floats(tensor)) {
            factors.add(factor);
        }
    }

    private void scaling(ObjectNode json) {
        String type = keys.text(TYPE).orElse(keys.has(FACTOR) || keys.has("rope.scale_linear") ? "linear" : "none");
        switch (type) {
            case "none" -> {
                // The frequencies are those of the base.
            }
            case "linear" ->
                json.putObject("rope_scaling")
                        .put("rope_type", "linear")
                        .put(
                                "factor",
                                keys.number(FACTOR)
                                        .orElse(keys.number("rope.scale_linear").orElse(1)));
            case "yarn" -> yarn(json.putObject("rope_scaling").put("rope_type", "yarn"));
            default -> throw keys.refuse(TYPE, "none, linear, yarn, or longrope with tensors of its factors");
        }
    }

    private void yarn(ObjectNode scaling) {
        if (keys.number(ATTENTION).orElse(1) != 1) {
            throw keys.refuse(ATTENTION, "1, as YaRN's paper has it");
        }
        scaling.put("factor", keys.number(FACTOR).orElseThrow(() -> keys.refuse(FACTOR, "a number")))
                .put("original_max_position_embeddings", keys.integer(ORIGINAL));
        keys.number("rope.scaling.yarn_beta_fast").ifPresent(turns -> scaling.put("beta_fast", turns));
        keys.number("rope.scaling.yarn_beta_slow").ifPresent(turns -> scaling.put("beta_slow", turns));
    }
}
