package io.tandem.kernels.recursion;

import io.tandem.kernels.weights.HalfPrecision;
import io.tandem.kernels.weights.StoredType;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** What the shared weights of a recursive model are made of (Bae et al., 2024, section 2.3). */
public enum SharedWeights {
    /** Those of layers at equal distances, the first and the last among them. */
    STEPWISE,
    /** The mean of the layers that share it. */
    AVERAGE,
    /** Those of the first layers. */
    LOWER;

    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The layers whose mean a layer of the block is. */
    List<Integer> sources(int block, int blockLayers, int layers) {
        return switch (this) {
            case STEPWISE ->
                List.of(blockLayers == 1 ? 0 : (int) Math.round(block * (layers - 1) / (double) (blockLayers - 1)));
            case AVERAGE ->
                IntStream.range(0, layers)
                        .filter(layer -> layer % blockLayers == block)
                        .boxed()
                        .toList();
            case LOWER -> List.of(block);
        };
    }

    /**
     * The mean of weights, as a file of this type has it.
     *
     * @param weights of a layer
     */
    static float[] mean(List<Integer> sources, IntFunction<float[]> weights, StoredType type) {
        float[] first = weights.apply(sources.get(0));
        if (sources.size() == 1) {
            return first;
        }
        double[] sum = new double[first.length];
        for (int source : sources) {
            float[] own = weights.apply(source);
            for (int i = 0; i < sum.length; i++) {
                sum[i] += own[i];
            }
        }
        float[] mean = new float[sum.length];
        for (int i = 0; i < mean.length; i++) {
            mean[i] = rounded((float) (sum[i] / sources.size()), type);
        }
        return mean;
    }

    private static float rounded(float value, StoredType type) {
        return switch (type) {
            case BF16 -> HalfPrecision.fromBfloat16(HalfPrecision.toBfloat16(value));
            case F16 -> HalfPrecision.fromFloat16(HalfPrecision.toFloat16(value));
            default -> value;
        };
    }
}
