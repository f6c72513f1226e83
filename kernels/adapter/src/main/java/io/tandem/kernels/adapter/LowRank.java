package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The factors of one module, row by row: {@code y = W x + b + scaling * B (A x)} (LoRA, Hu et al., 2021).
 *
 * @param rank r
 * @param inputs columns of A
 * @param outputs rows of B
 * @param a {@code [rank, inputs]}
 * @param b {@code [outputs, rank]}
 * @param scaling factor on the product
 */
public record LowRank(int rank, int inputs, int outputs, float[] a, float[] b, double scaling) implements Change {
    /** PEFT's names of the factors. */
    public static final String A = "lora_A";

    public static final String B = "lora_B";

    public LowRank {
        if (a.length != rank * inputs || b.length != outputs * rank) {
            throw new IllegalArgumentException("factors of " + a.length + " and " + b.length + " numbers, expected ["
                    + rank + ", " + inputs + "] and [" + outputs + ", " + rank + "]");
        }
    }

    /**
     * Its first ranks alone.
     *
     * @param count of them, at most all
     */
    public LowRank first(int count, double otherScaling) {
        float[] first = new float[outputs * count];
        for (int row = 0; row < outputs; row++) {
            System.arraycopy(b, row * rank, first, row * count, count);
        }
        return new LowRank(count, inputs, outputs, Arrays.copyOf(a, count * inputs), first, otherScaling);
    }

    /**
     * Some of its ranks, which change as much as they do now.
     *
     * @param ranks ascending, at least one
     */
    public LowRank only(int[] ranks) {
        float[] fewer = new float[ranks.length * inputs];
        float[] rest = new float[outputs * ranks.length];
        for (int i = 0; i < ranks.length; i++) {
            System.arraycopy(a, ranks[i] * inputs, fewer, i * inputs, inputs);
            for (int row = 0; row < outputs; row++) {
                rest[row * ranks.length + i] = b[row * rank + ranks[i]];
            }
        }
        return new LowRank(ranks.length, inputs, outputs, fewer, rest, scaling);
    }

    /** An element of B with the scaling inside, as the device keeps it. */
    public float scaled(float element) {
        return (float) (scaling * element);
    }

    @Override
    public String form() {
        return "LoRA";
    }

    @Override
    public Optional<LowRank> lowRank() {
        return Optional.of(this);
    }

    @Override
    public List<Parameter> parameters() {
        return List.of(new Parameter(A, rank, inputs, a), new Parameter(B, outputs, rank, b));
    }

    @Override
    public LowRank with(List<float[]> values) {
        return new LowRank(rank, inputs, outputs, values.get(0), values.get(1), scaling);
    }

    @Override
    public void requireFinite(Dtype dtype) {
        if (!isFinite(dtype)) {
            throw new IllegalArgumentException("has a weight that is not a finite number with kernels.dtype "
                    + dtype.label() + "; those of B count times the scaling of " + scaling);
        }
    }

    private boolean isFinite(Dtype dtype) {
        return IntStream.range(0, a.length).allMatch(i -> dtype.holds(a[i]))
                && IntStream.range(0, b.length).allMatch(i -> dtype.holds(scaled(b[i])));
    }

    /** The inner product with another module's product, without making them: {@code tr((B^T B') (A' A^T))}. */
    public double inner(LowRank other) {
        double sum = 0;
        for (int j = 0; j < rank; j++) {
            for (int k = 0; k < other.rank; k++) {
                double rows = 0;
                for (int i = 0; i < inputs; i++) {
                    rows += (double) a[j * inputs + i] * other.a[k * inputs + i];
                }
                double columns = 0;
                for (int i = 0; i < outputs; i++) {
                    columns += (double) b[i * rank + j] * other.b[i * other.rank + k];
                }
                sum += rows * columns;
            }
        }
        return scaling * other.scaling * sum;
    }

    /** That of {@code scaling * B A}. */
    @Override
    public double norm() {
        return Math.sqrt(Math.max(0, inner(this)));
    }
}
