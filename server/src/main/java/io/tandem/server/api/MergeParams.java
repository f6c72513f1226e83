package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.merge.LayerSwap;
import io.tandem.kernels.adapter.merge.MajoritySign;
import io.tandem.kernels.adapter.merge.MergeForm;
import io.tandem.kernels.adapter.merge.MergeMethod;
import io.tandem.kernels.adapter.merge.MergeSpec;
import io.tandem.kernels.adapter.merge.Truncation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Supplier;

/**
 * A merge that a request asks for: LoRAX's {@code merged_adapters} and what this server can do beside that.
 *
 * @param path of the object in the request, for complaints; empty or ending in a dot
 * @param ids adapters, by name or {@code name@hash}
 * @param weights one for each
 * @param spec how to merge; empty means compressed adapters as they are ({@value #TERNARY_TIES})
 */
public record MergeParams(String path, List<String> ids, List<Double> weights, Optional<MergeSpec> spec) {
    /** TIES on compressed adapters, factor by factor, without expanding them. */
    public static final String TERNARY_TIES = "ternary_ties";

    public static final Set<String> FIELDS = Set.of(
            "ids",
            "weights",
            "merge_strategy",
            "density",
            "majority_sign_method",
            "form",
            "max_rank",
            "max_error",
            "seed",
            "layer_swap");

    static final int ADAPTERS_MAX = 16;
    static final int REFERENCE_CHARS_MAX = 256;
    private static final double WEIGHT_MAX = 1e6;

    /**
     * @param body the object that has the fields; unknown ones are the caller's business
     * @param path of that object in the request
     * @param layers of the model
     * @param maxRank that the device takes; a merge of whole products is cut to it if nothing else is said
     */
    public static MergeParams read(JsonBody body, String path, int layers, int maxRank) {
        List<String> ids = strings(body, "ids");
        List<Double> weights = weights(body, ids.size());
        String strategy = body.optionalString("merge_strategy", 64).orElse("linear");
        if (strategy.equals(TERNARY_TIES)) {
            for (String field : FIELDS) {
                if (!Set.of("ids", "weights", "merge_strategy").contains(field) && body.find(field) != null) {
                    throw body.invalid(field, "says nothing to " + TERNARY_TIES + "; leave it out.");
                }
            }
            return new MergeParams(path, ids, weights, Optional.empty());
        }
        MergeMethod method = named(body, "merge_strategy", () -> MergeMethod.of(strategy));
        MergeForm form = body.optionalString("form", 64)
                .map(name -> named(body, "form", () -> MergeForm.of(name)))
                .orElse(MergeForm.PRODUCT);
        MajoritySign sign = body.optionalString("majority_sign_method", 64)
                .map(name -> named(body, "majority_sign_method", () -> MajoritySign.of(name)))
                .orElse(MajoritySign.TOTAL);
        OptionalDouble density = body.optionalNumber("density", 0, 1);
        Truncation truncation = truncation(body, method, form, maxRank);
        Optional<LayerSwap> swap =
                method == MergeMethod.LAYER_SWAP ? Optional.of(layerSwap(body, layers)) : Optional.empty();
        if (swap.isEmpty() && body.find("layer_swap") != null) {
            throw body.invalid("layer_swap", "is only for the merge strategy layer_swap.");
        }
        long seed = body.optionalLong("seed", Long.MIN_VALUE, Long.MAX_VALUE).orElse(0);
        try {
            return new MergeParams(
                    path,
                    ids,
                    weights,
                    Optional.of(new MergeSpec(method, form, weights, density, sign, seed, truncation, swap)));
        } catch (IllegalArgumentException e) {
            String message = String.valueOf(e.getMessage());
            String field = message.startsWith("density")
                    ? "density"
                    : message.startsWith("weights") ? "weights" : message.startsWith("the form") ? "form" : "";
            throw body.invalid(field.isEmpty() ? "merge_strategy" : field, "does not fit: " + message + ".");
        }
    }

    /** The whole name of a field of this merge. */
    public String field(String name) {
        return path + name;
    }

    private static <T> T named(JsonBody body, String field, Supplier<T> parse) {
        try {
            return parse.get();
        } catch (IllegalArgumentException e) {
            throw body.invalid(field, "is not known: " + e.getMessage() + ".");
        }
    }

    /** Without a word about it a merge keeps all that the device can hold. */
    private static Truncation truncation(JsonBody body, MergeMethod method, MergeForm form, int maxRank) {
        OptionalInt rank = body.optionalInt("max_rank", 1, maxRank);
        double error = body.optionalNumber("max_error", 0, 0.999).orElse(0);
        if (form == MergeForm.FACTORS && rank.isEmpty() && error == 0) {
            return Truncation.NONE;
        }
        boolean own = method.truncates() || form == MergeForm.FACTORS;
        return new Truncation(rank.isPresent() || own ? rank : OptionalInt.of(maxRank), error);
    }

    private static LayerSwap layerSwap(JsonBody body, int layers) {
        JsonBody zones = body.optionalObject("layer_swap").orElse(null);
        LayerSwap standard = LayerSwap.inProportion(layers);
        if (zones == null) {
            return standard;
        }
        zones.rejectUnknown(Set.of("bottom", "top", "bottom_transition", "top_transition"));
        return named(
                body,
                "layer_swap",
                () -> new LayerSwap(
                        layers,
                        zones.optionalInt("bottom", 0, layers).orElse(standard.bottom()),
                        zones.optionalInt("top", 0, layers).orElse(standard.top()),
                        zones.optionalInt("bottom_transition", 0, layers).orElse(standard.bottomTransition()),
                        zones.optionalInt("top_transition", 0, layers).orElse(standard.topTransition())));
    }

    private static List<Double> weights(JsonBody body, int count) {
        JsonNode value = body.find("weights");
        List<Double> weights = new ArrayList<>();
        if (value == null) {
            for (int i = 0; i < count; i++) {
                weights.add(1.0);
            }
            return weights;
        }
        if (!value.isArray() || value.size() != count) {
            throw body.invalid("weights", "must be an array of " + count + " numbers, one for each adapter.");
        }
        for (JsonNode weight : value) {
            if (!weight.isNumber() || !(Math.abs(weight.doubleValue()) <= WEIGHT_MAX)) {
                throw body.invalid("weights", "must have numbers from -" + WEIGHT_MAX + " to " + WEIGHT_MAX + ".");
            }
            weights.add(weight.doubleValue());
        }
        return weights;
    }

    /** An array of 1 to {@value #ADAPTERS_MAX} names that must be there. */
    static List<String> strings(JsonBody body, String field) {
        JsonNode value = body.find(field);
        if (value == null || !value.isArray() || value.isEmpty() || value.size() > ADAPTERS_MAX) {
            throw body.invalid(field, "must be an array of 1 to " + ADAPTERS_MAX + " adapters.");
        }
        List<String> names = new ArrayList<>();
        for (JsonNode name : value) {
            if (!name.isTextual() || name.textValue().length() > REFERENCE_CHARS_MAX) {
                throw body.invalid(field, "must have names of adapters.");
            }
            names.add(name.textValue());
        }
        return names;
    }
}
