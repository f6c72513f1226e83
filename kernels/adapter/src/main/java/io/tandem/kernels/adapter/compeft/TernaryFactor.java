package io.tandem.kernels.adapter.compeft;

import java.util.Arrays;
import java.util.BitSet;

/**
 * One factor of a module on the way to its ternary form: A as it is, or B transposed, so that both have a row for each
 * component of the product.
 */
final class TernaryFactor {
    private final int rank;
    private final int columns;

    /** {@code [rank, columns]} */
    private final float[] values;

    /** {@code [rank, columns]}: -1, 0 or 1 */
    private final float[] signs;

    private TernaryFactor(int rank, int columns, float[] values) {
        this.rank = rank;
        this.columns = columns;
        this.values = values;
        this.signs = new float[values.length];
    }

    /** @param a {@code [rank, inputs]} */
    static TernaryFactor ofA(int rank, int inputs, float[] a) {
        return new TernaryFactor(rank, inputs, a);
    }

    /** @param b {@code [outputs, rank]} */
    static TernaryFactor ofB(int rank, int outputs, float[] b) {
        float[] transposed = new float[b.length];
        for (int i = 0; i < b.length; i++) {
            transposed[i % rank * outputs + i / rank] = b[i];
        }
        return new TernaryFactor(rank, outputs, transposed);
    }

    int length() {
        return values.length;
    }

    /** How many signs are not zero. */
    int kept() {
        int kept = 0;
        for (float sign : signs) {
            kept += sign == 0 ? 0 : 1;
        }
        return kept;
    }

    /** Keeps the signs of the largest numbers by magnitude, of equal ones the first. */
    void keepLargest(int count) {
        float[] magnitudes = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            magnitudes[i] = Math.abs(values[i]);
        }
        float[] sorted = magnitudes.clone();
        Arrays.sort(sorted);
        float threshold = sorted[sorted.length - count];
        int equal = count - (sorted.length - firstAbove(sorted, threshold));
        for (int i = 0; i < values.length; i++) {
            boolean large = magnitudes[i] > threshold || (magnitudes[i] == threshold && equal-- > 0);
            signs[i] = large ? Math.signum(values[i]) : 0;
        }
    }

    private static int firstAbove(float[] sorted, float threshold) {
        int at = sorted.length;
        while (at > 0 && sorted[at - 1] > threshold) {
            at--;
        }
        return at;
    }

    /** Unbiased, of all numbers. */
    double standardDeviation() {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        double mean = sum / values.length;
        double squares = 0;
        for (float value : values) {
            squares += (value - mean) * (value - mean);
        }
        return Math.sqrt(squares / Math.max(1, values.length - 1));
    }

    /** {@code values values^T}: {@code [rank, rank]} */
    double[] valuesByValues() {
        return product(values, values);
    }

    /** {@code signs values^T}: {@code [rank, rank]} */
    double[] signsByValues() {
        return product(signs, values);
    }

    /** {@code signs signs^T}: {@code [rank, rank]} */
    double[] signsBySigns() {
        return product(signs, signs);
    }

    private double[] product(float[] x, float[] y) {
        double[] product = new double[rank * rank];
        for (int j = 0; j < rank; j++) {
            for (int k = 0; k < rank; k++) {
                double sum = 0;
                for (int i = 0; i < columns; i++) {
                    sum += (double) x[j * columns + i] * y[k * columns + i];
                }
                product[j * rank + k] = sum;
            }
        }
        return product;
    }

    /**
     * Sets each sign in turn to what makes {@code |X^T Y - scale S^T T|^2 + penalty * kept} smallest with the others as
     * they are; X and S are values and signs of this factor, Y and T of the other one.
     */
    void descend(TernaryFactor other, double scale, double penalty) {
        double[] gram = other.signsBySigns();
        double[] mixed = other.signsByValues();
        double[] residual = new double[rank];
        for (int column = 0; column < columns; column++) {
            for (int j = 0; j < rank; j++) {
                double sum = 0;
                for (int k = 0; k < rank; k++) {
                    sum += scale * mixed[j * rank + k] * values[k * columns + column]
                            - scale * scale * gram[j * rank + k] * signs[k * columns + column];
                }
                residual[j] = sum;
            }
            for (int j = 0; j < rank; j++) {
                descend(j, column, gram, scale * scale, penalty, residual);
            }
        }
    }

    private void descend(int j, int column, double[] gram, double square, double penalty, double[] residual) {
        double curvature = square * gram[j * rank + j];
        float old = signs[j * columns + column];
        double slope = residual[j] + curvature * old;
        // A sign is worth 2 |slope| - curvature; without curvature the other factor's row is empty, and so is slope.
        float better = 2 * Math.abs(slope) - curvature > penalty ? (float) Math.signum(slope) : 0;
        if (better != old) {
            signs[j * columns + column] = better;
            for (int k = 0; k < rank; k++) {
                residual[k] += square * gram[k * rank + j] * (old - better);
            }
        }
    }

    /** The signs as A is stored. */
    TernaryTensor toA(float scale) {
        return tensor(scale, columns, 1);
    }

    /** The signs as B is stored. */
    TernaryTensor toB(float scale) {
        return tensor(scale, 1, rank);
    }

    /** @param rowStep, columnStep distance in the tensor between neighbouring components, and columns */
    private TernaryTensor tensor(float scale, int rowStep, int columnStep) {
        float[] stored = new float[signs.length];
        for (int j = 0; j < rank; j++) {
            for (int i = 0; i < columns; i++) {
                stored[j * rowStep + i * columnStep] = signs[j * columns + i];
            }
        }
        int[] positions = new int[kept()];
        BitSet negative = new BitSet();
        int count = 0;
        for (int i = 0; i < stored.length; i++) {
            if (stored[i] != 0) {
                negative.set(count, stored[i] < 0);
                positions[count++] = i;
            }
        }
        return new TernaryTensor(stored.length, scale, positions, negative);
    }
}
