package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.LowRank;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.RandomMatrices_DDRM;
import org.ejml.dense.row.SingularOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/**
 * The largest singular values of a weight and their vectors, found by multiplying it with random vectors (Halko, Martinsson and
 * Tropp, 2011).
 *
 * @param left {@code [outputs, n]}, a column for each value
 * @param values descending; n of them, of which those far down are not exact
 * @param right {@code [inputs, n]}
 */
record SingularTriplets(DMatrixRMaj left, double[] values, DMatrixRMaj right) {
    private static final int OVERSAMPLING = 10;
    private static final int POWER_ITERATIONS = 4;

    /**
     * @param rank how many are wanted, at most {@link Weight#mostRank}; the same arguments always give the same numbers
     * @param seed of the random vectors
     */
    static SingularTriplets of(Weight weight, int rank, long seed) {
        int width = Math.min(rank + OVERSAMPLING, weight.mostRank());
        DMatrixRMaj basis = ThinMatrices.basis(
                weight.times(RandomMatrices_DDRM.rectangleGaussian(weight.inputs(), width, 0, 1, new Random(seed))));
        for (int i = 0; i < POWER_ITERATIONS; i++) {
            basis = ThinMatrices.basis(weight.times(ThinMatrices.basis(weight.transposedTimes(basis))));
        }
        DMatrixRMaj rows = weight.transposedTimes(basis);
        SingularValueDecomposition_F64<DMatrixRMaj> svd =
                DecompositionFactory_DDRM.svd(rows.numRows, rows.numCols, true, true, true);
        if (!svd.decompose(rows)) {
            throw new IllegalStateException("the singular values of a weight of [" + weight.outputs() + ", "
                    + weight.inputs() + "] do not converge");
        }
        // W^T Q = U S V^T, so W is about (Q V) S U^T.
        DMatrixRMaj right = svd.getU(null, false);
        DMatrixRMaj left = svd.getV(null, false);
        double[] values = svd.getSingularValues();
        SingularOps_DDRM.descendingOrder(right, false, values, values.length, left, false);
        return new SingularTriplets(CommonOps_DDRM.mult(basis, left, null), values, right);
    }

    /**
     * The vectors of the first values as factors.
     *
     * @param weight what each vector is multiplied with, of its singular value
     */
    LowRank factors(int rank, double scaling, DoubleUnaryOperator weight) {
        double[] weights = new double[rank];
        for (int i = 0; i < rank; i++) {
            weights[i] = weight.applyAsDouble(values[i]);
        }
        return ThinMatrices.lowRank(scaled(right, weights), scaled(left, weights), scaling);
    }

    /** The first columns, each times its factor. */
    private static DMatrixRMaj scaled(DMatrixRMaj matrix, double[] factors) {
        DMatrixRMaj first = CommonOps_DDRM.extract(matrix, 0, matrix.numRows, 0, factors.length);
        CommonOps_DDRM.multCols(first, factors);
        return first;
    }
}
