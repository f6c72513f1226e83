package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.LowRank;
import java.util.List;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/**
 * A matrix as a product of two, in double precision.
 *
 * @param left {@code [outputs, rank]}
 * @param right {@code [rank, inputs]}
 */
record Product(DMatrixRMaj left, DMatrixRMaj right) {
    /** The weighted sum of changes: their factors beside each other, with weights and scalings in the left ones. */
    static Product sum(List<Contribution> contributions) {
        LowRank first = contributions.get(0).factors();
        int rank = contributions.stream().mapToInt(c -> c.factors().rank()).sum();
        DMatrixRMaj left = new DMatrixRMaj(first.outputs(), rank);
        DMatrixRMaj right = new DMatrixRMaj(rank, first.inputs());
        int column = 0;
        for (Contribution contribution : contributions) {
            LowRank factors = contribution.factors();
            for (int row = 0; row < factors.outputs(); row++) {
                for (int r = 0; r < factors.rank(); r++) {
                    double b = factors.b()[row * factors.rank() + r];
                    left.unsafe_set(row, column + r, contribution.coefficient() * b);
                }
            }
            for (int i = 0; i < factors.a().length; i++) {
                right.data[column * factors.inputs() + i] = factors.a()[i];
            }
            column += factors.rank();
        }
        return new Product(left, right);
    }

    /** The matrix itself, row by row. */
    double[] dense() {
        DMatrixRMaj result = new DMatrixRMaj(left.numRows, right.numCols);
        CommonOps_DDRM.mult(left, right, result);
        return result.data;
    }

    /** The same factors for an adapter, in its precision. */
    LowRank toLowRank() {
        float[] a = narrowed(right.data);
        float[] b = narrowed(left.data);
        return new LowRank(left.numCols, right.numCols, left.numRows, a, b, 1);
    }

    static float[] narrowed(double[] values) {
        float[] result = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = (float) values[i];
        }
        return result;
    }

    static double[] widened(float[] values) {
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i];
        }
        return result;
    }
}
