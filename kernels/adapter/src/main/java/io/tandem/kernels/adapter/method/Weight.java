package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.LowRank;
import org.ejml.data.DMatrixRMaj;

/**
 * A large weight, as a factor of products with thin matrices. It is read row by row as it lies there, because a copy in
 * double precision would take twice its memory.
 *
 * @param values {@code [outputs, inputs]}
 */
public record Weight(int outputs, int inputs, float[] values) {
    public Weight {
        if (values.length != outputs * inputs) {
            throw new IllegalArgumentException(
                    "a weight of " + values.length + " numbers, expected [" + outputs + ", " + inputs + "]");
        }
    }

    /**
     * The nearest product of a rank.
     *
     * @param squares of all numbers of the weight
     * @param left the same of what the product lacks
     */
    public record Truncated(LowRank factors, double squares, double left) {}

    /**
     * The largest singular values, their roots in both factors.
     *
     * @param rank at most the smaller side
     * @param seed of the search for them
     */
    public Truncated truncated(int rank, long seed) {
        SingularTriplets triplets = SingularTriplets.of(this, rank, seed);
        double squares = 0;
        for (float value : values) {
            squares += (double) value * value;
        }
        double kept = 0;
        for (int i = 0; i < rank; i++) {
            kept += triplets.values()[i] * triplets.values()[i];
        }
        return new Truncated(triplets.factors(rank, 1, Math::sqrt), squares, Math.max(0, squares - kept));
    }

    /** The most ranks that a product can have which is a part of it. */
    int mostRank() {
        return Math.min(outputs, inputs);
    }

    /** {@code W X}, of X {@code [inputs, width]}. */
    DMatrixRMaj times(DMatrixRMaj x) {
        int width = x.numCols;
        DMatrixRMaj result = new DMatrixRMaj(outputs, width);
        for (int row = 0; row < outputs; row++) {
            for (int i = 0; i < inputs; i++) {
                add(values[row * inputs + i], x.data, i * width, result.data, row * width, width);
            }
        }
        return result;
    }

    /** {@code W^T Y}, of Y {@code [outputs, width]}. */
    DMatrixRMaj transposedTimes(DMatrixRMaj y) {
        int width = y.numCols;
        DMatrixRMaj result = new DMatrixRMaj(inputs, width);
        for (int row = 0; row < outputs; row++) {
            for (int i = 0; i < inputs; i++) {
                add(values[row * inputs + i], y.data, row * width, result.data, i * width, width);
            }
        }
        return result;
    }

    private static void add(double factor, double[] from, int at, double[] to, int start, int length) {
        for (int i = 0; i < length; i++) {
            to[start + i] += factor * from[at + i];
        }
    }

    /** Its first columns. */
    DMatrixRMaj columns(int count) {
        DMatrixRMaj result = new DMatrixRMaj(outputs, count);
        for (int row = 0; row < outputs; row++) {
            for (int i = 0; i < count; i++) {
                result.data[row * count + i] = values[row * inputs + i];
            }
        }
        return result;
    }
}
