package io.tandem.kernels.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.RopeScaling;
import io.tandem.kernels.model.Rotary;
import io.tandem.kernels.weights.JsonFields;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The keys of rotary embeddings: {@code rope_theta} and {@code rope_scaling}, which newer versions of transformers keep
 * together in {@code rope_parameters}.
 */
final class RopeFields {
    private static final String ORIGINAL = "original_max_position_embeddings";
    private static final double MAX_FACTOR = 1e6;

    private final JsonFields json;
    private final int headDim;
    private final int maxPositions;

    private final Map<String, String> names = new HashMap<>(Map.of("su", "longrope"));

    /** @param maxPositions what {@code max_position_embeddings} says or means */
    RopeFields(DecoderFields config, int headDim, int maxPositions) {
        this.json = config.json();
        this.headDim = headDim;
        this.maxPositions = maxPositions;
    }

    /** Has one type of scaling mean another, as in older files of a family. */
    RopeFields calling(String type, String another) {
        names.put(type, another);
        return this;
    }

    /**
     * Sets the one embedding that all layers share, and the longest context if scaling extends it.
     *
     * @param share of each head's channels that is rotated, if the file says nothing
     * @param fixed whether it must say nothing else
     */
    void into(ModelConfig.Builder model, double theta, double share, boolean fixed) {
        Rotary rotary = rotary(theta, share, fixed);
        model.rotary(rotary).maxPositions(longest(rotary));
    }

    private Rotary rotary(double theta, double share, boolean fixed) {
        double outer = json.number("rope_theta", 1, 1e12, theta);
        // Newer transformers call it rope_parameters and keep rope_theta in it.
        String key = json.value("rope_parameters").isPresent() ? "rope_parameters" : "rope_scaling";
        JsonFields scaling = json.object(key).orElse(null);
        int width = width(scaling, share, fixed);
        if (scaling == null) {
            return new Rotary(outer, width, Optional.empty());
        }
        // transformers 5 nests them by the type of layer where a model has several.
        for (String layerType : scaling.keys()) {
            if (scaling.value(layerType).filter(JsonNode::isObject).isPresent()) {
                throw scaling.refuse(layerType, "the same rotary embedding in every layer");
            }
        }
        return of(scaling, scaling.number("rope_theta", 1, 1e12, outer), width);
    }

    private int width(@Nullable JsonFields scaling, double share, boolean fixed) {
        boolean inside =
                scaling != null && scaling.value("partial_rotary_factor").isPresent();
        JsonFields place = inside && scaling != null ? scaling : json;
        double said = place.number("partial_rotary_factor", 0, 1, share);
        if (fixed && said != share) {
            throw place.refuse("partial_rotary_factor", share == 1 ? "1" : String.valueOf(share));
        }
        int width = (int) (headDim * said);
        if (width % 2 != 0) {
            throw place.refuse(
                    "partial_rotary_factor", "an even number of the " + headDim + " channels of a head, not " + width);
        }
        return width;
    }

    /** The embedding that an object describes. */
    Rotary of(JsonFields scaling, double theta, int width) {
        return new Rotary(theta, width, scaling(scaling, width));
    }

    /** The embedding of layers of one type, where {@code rope_parameters} has one for each type. */
    Rotary ofLayers(JsonFields parameters, String layerType, double theta) {
        JsonFields own = parameters
                .object(layerType)
                .orElseThrow(() -> parameters.refuse(layerType, "an object, as every type of layer has its own"));
        return of(own, own.number("rope_theta", 1, 1e12, theta), headDim);
    }

    private Optional<RopeScaling> scaling(JsonFields scaling, int width) {
        String typeKey = scaling.value("rope_type").isPresent() ? "rope_type" : "type";
        // Without a type a factor would have no meaning, and ignoring it would change the model.
        boolean plain = scaling.value("factor").isEmpty();
        String type = scaling.text(typeKey).orElse(plain ? "default" : "absent");
        return switch (names.getOrDefault(type, type)) {
            case "default" -> Optional.empty();
            case "linear" -> Optional.of(new RopeScaling.Linear(factor(scaling)));
            case "dynamic" -> Optional.of(new RopeScaling.Dynamic(factor(scaling), original(scaling)));
            case "llama3" -> Optional.of(llama3(scaling));
            case "yarn" -> Optional.of(yarn(scaling));
            case "longrope" -> Optional.of(longRope(scaling, width));
            default ->
                throw scaling.refuse(typeKey, "default, linear, dynamic, llama3, yarn or longrope (docs/models.md)");
        };
    }

    private static double factor(JsonFields scaling) {
        return scaling.number("factor", 1, MAX_FACTOR);
    }

    /** The context that the model was trained with before its frequencies were changed. */
    private int original(JsonFields scaling) {
        return scaling.integer(ORIGINAL, 1, DecoderFields.MAX_POSITIONS, maxPositions);
    }

    private static RopeScaling.Llama3 llama3(JsonFields scaling) {
        double low = scaling.number("low_freq_factor", 1e-6, MAX_FACTOR);
        double high = scaling.number("high_freq_factor", 1e-6, MAX_FACTOR);
        if (high <= low) {
            throw scaling.refuse("high_freq_factor", "more than low_freq_factor, " + low);
        }
        return new RopeScaling.Llama3(
                factor(scaling), low, high, scaling.integer(ORIGINAL, 1, DecoderFields.MAX_POSITIONS));
    }

    private RopeScaling.Yarn yarn(JsonFields scaling) {
        double factor = factor(scaling);
        double attention = scaling.number("attention_factor", 0, MAX_FACTOR, 0);
        double scale = scaling.number("mscale", 0, MAX_FACTOR, 0);
        double scaleAll = scaling.number("mscale_all_dim", 0, MAX_FACTOR, 0);
        if (attention == 0) {
            boolean ratio = scale != 0 && scaleAll != 0;
            attention = ratio ? attention(factor, scale) / attention(factor, scaleAll) : attention(factor, 1);
        }
        return new RopeScaling.Yarn(
                factor,
                original(scaling),
                scaling.number("beta_fast", 1e-6, MAX_FACTOR, 32),
                scaling.number("beta_slow", 1e-6, MAX_FACTOR, 1),
                attention,
                scaling.bool("truncate", true));
    }

    private static double attention(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    private RopeScaling.LongRope longRope(JsonFields scaling, int width) {
        JsonFields place = json.value(ORIGINAL).isPresent() ? json : scaling;
        int original = place.integer(ORIGINAL, 2, DecoderFields.MAX_POSITIONS);
        double factor = (double) maxPositions / original;
        double grown = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        double attention = scaling.number("attention_factor", 0, MAX_FACTOR, 0);
        return new RopeScaling.LongRope(
                factors(scaling, "short_factor", width / 2),
                factors(scaling, "long_factor", width / 2),
                original,
                attention == 0 ? grown : attention);
    }

    private static List<Double> factors(JsonFields scaling, String key, int count) {
        String expected = "a list of " + count + " positive numbers, one for each rotated pair of channels";
        JsonNode list = scaling.value(key).orElseThrow(() -> scaling.refuse(key, expected));
        List<Double> factors = new ArrayList<>();
        for (JsonNode factor : list) {
            if (!factor.isNumber() || !(factor.doubleValue() > 0) || !Double.isFinite(factor.doubleValue())) {
                throw scaling.refuse(key, expected);
            }
            factors.add(factor.doubleValue());
        }
        if (!list.isArray() || factors.size() != count) {
            throw scaling.refuse(key, expected);
        }
        return factors;
    }

    /** The longest context with this embedding. */
    private int longest(Rotary rotary) {
        RopeScaling scaling = rotary.scaling().orElse(null);
        double longest = maxPositions;
        if (scaling instanceof RopeScaling.Yarn yarn) {
            longest = Math.max(longest, yarn.factor() * yarn.originalMaxPositions());
        } else if (scaling instanceof RopeScaling.Dynamic dynamic) {
            longest = Math.max(longest, dynamic.factor() * dynamic.originalMaxPositions());
        }
        return (int) Math.min(longest, DecoderFields.MAX_POSITIONS);
    }
}
