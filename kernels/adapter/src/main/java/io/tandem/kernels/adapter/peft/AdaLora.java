package io.tandem.kernels.adapter.peft;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.weights.JsonFields;
import java.util.HashMap;
import java.util.Map;

/**
 * What a configuration of AdaLoRA (Zhang et al., 2023) means: {@code B (A * E)}, of which each module keeps the ranks that its
 * mask has. Masked ranks are not in PEFT's files, but the scaling goes by the rank before that.
 */
final class AdaLora {
    /** PEFT's name of the singular values, {@code [rank, 1]}. */
    static final String E = "lora_E";

    private static final String MASKS = "rank_pattern";
    private static final int MAX_MASKS = 1 << 16;
    /** PEFT adds it to the rank. */
    private static final double EPSILON = 1e-5;

    private final int initialRank;
    private final double scaling;
    /** Ranks left, by module. */
    private final Map<String, Integer> ranks = new HashMap<>();

    /** @throws io.tandem.kernels.weights.ModelFormatException naming the key that is wrong */
    AdaLora(JsonFields json, int maxRank, double alpha) {
        this.initialRank = json.integer("init_r", 1, maxRank, 12);
        this.scaling = (alpha > 0 ? alpha : initialRank) / (initialRank + EPSILON);
        if (json.bool("use_dora", false)) {
            throw json.refuse("use_dora", "false, because PEFT has no AdaLoRA with magnitudes");
        }
        json.object(MASKS)
                .ifPresent(masks -> masks.keys().forEach(key -> {
                    if (ranks.size() == MAX_MASKS) {
                        throw json.refuse(MASKS, "at most " + MAX_MASKS + " modules");
                    }
                    ranks.put(module(masks, key), count(masks, key));
                }));
    }

    /** A key is the name of the module's singular values; in older files the adapter's follows. */
    private static String module(JsonFields masks, String key) {
        int end = key.lastIndexOf("." + E);
        if (end < 0) {
            throw masks.refuse(key, "the name of a module's " + E);
        }
        return key.substring(0, end);
    }

    private int count(JsonFields masks, String key) {
        JsonNode mask = masks.value(key).orElseThrow(() -> refused(masks, key));
        int kept = 0;
        for (JsonNode rank : mask) {
            if (!rank.isBoolean()) {
                throw refused(masks, key);
            }
            kept += rank.booleanValue() ? 1 : 0;
        }
        if (!mask.isArray() || mask.size() != initialRank) {
            throw refused(masks, key);
        }
        return kept;
    }

    private RuntimeException refused(JsonFields masks, String key) {
        return masks.refuse(key, "a list of init_r (" + initialRank + ") times true or false");
    }

    /** The ranks that are in the files; may be none. */
    int rank(Site site) {
        return ranks.getOrDefault(site.toString(), initialRank);
    }

    double scaling() {
        return scaling;
    }

    /** The same change as a product of two factors. */
    LowRank fold(LowRank factors, float[] e) {
        float[] a = factors.a().clone();
        for (int i = 0; i < a.length; i++) {
            a[i] *= e[i / factors.inputs()];
        }
        return new LowRank(factors.rank(), factors.inputs(), factors.outputs(), a, factors.b(), factors.scaling());
    }
}
