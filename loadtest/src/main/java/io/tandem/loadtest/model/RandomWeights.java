package io.tandem.loadtest.model;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.HalfPrecision;
import io.tandem.kernels.weights.WeightNames;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

/**
 * Weights of a model, drawn when they are asked for: each tensor is a function of the seed and its name. Every number
 * is exactly a bfloat16, so formats with more bits hold the same weights.
 */
final class RandomWeights {
    /** The shape of SmolLM-135M. */
    static final ModelConfig SMOL_135M = ModelConfig.llama(30, 576, 9, 3, 64, 1536, 49152)
            .maxPositions(2048)
            .tied(true)
            .build();

    /** The shape of SmolLM2-360M. */
    static final ModelConfig SMOL_360M = ModelConfig.llama(32, 960, 15, 5, 64, 2560, 49152)
            .maxPositions(8192)
            .theta(100_000)
            .tied(true)
            .build();

    /** The shape of Qwen2.5-1.5B, but for its biases. */
    static final ModelConfig QWEN_1_5B = ModelConfig.llama(28, 1536, 12, 2, 128, 8960, 151_936)
            .maxPositions(32_768)
            .epsilon(1e-6)
            .theta(1_000_000)
            .tied(true)
            .build();

    private final ModelConfig config;
    private final long seed;

    RandomWeights(ModelConfig config, long seed) {
        this.config = config;
        this.seed = seed;
    }

    ModelConfig config() {
        return config;
    }

    /** All tensors with their shapes, by HuggingFace's names. */
    Map<String, long[]> shapes() {
        return WeightNames.expected(config);
    }

    long[] shape(String name) {
        return Objects.requireNonNull(shapes().get(name), name);
    }

    /** Numbers in all tensors. */
    long count() {
        return shapes().values().stream().mapToLong(RandomWeights::count).sum();
    }

    /** One tensor row by row: a norm close to one, a matrix such that products keep the size of what they multiply. */
    float[] values(String name) {
        long[] shape = shape(name);
        boolean matrix = shape.length == 2;
        double scale = matrix ? 1 / Math.sqrt((double) shape[1]) : 0.2;
        SplittableRandom random = new SplittableRandom(31 * seed + name.hashCode());
        float[] values = new float[Math.toIntExact(count(shape))];
        for (int i = 0; i < values.length; i++) {
            float value = (float) ((matrix ? 0 : 1) + scale * random.nextGaussian());
            values[i] = HalfPrecision.fromBfloat16(HalfPrecision.toBfloat16(value));
        }
        return values;
    }

    private static long count(long[] shape) {
        return shape.length == 2 ? shape[0] * shape[1] : shape[0];
    }
}
