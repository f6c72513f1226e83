package io.tandem.kernels.adapter.merge;

import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.RandomMatrices_DDRM;

/**
 * Projects a dense matrix onto the space of its largest singular vectors, found by multiplying random vectors with it
 * (Halko, Martinsson and Tropp, 2011).
 */
final class RangeFinder {
    /** Random vectors beyond the wanted rank. */
    private static final int OVERSAMPLING = 10;

    private RangeFinder() {}

    /**
     * A product close to the matrix, of a rank somewhat larger than the wanted one; the matrix itself if that saves no
     * work.
     */
    static Product project(DMatrixRMaj matrix, int rank, long seed) {
        int width = rank + OVERSAMPLING;
        if (width >= Math.min(matrix.numRows, matrix.numCols)) {
            return matrix.numRows <= matrix.numCols
                    ? new Product(CommonOps_DDRM.identity(matrix.numRows), matrix)
                    : new Product(matrix, CommonOps_DDRM.identity(matrix.numCols));
        }
        DMatrixRMaj start = RandomMatrices_DDRM.rectangleGaussian(matrix.numCols, width, 0, 1, new Random(seed));
        DMatrixRMaj once = times(matrix, start);
        // One power iteration: what pruning leaves has a long tail of singular values, which it damps.
        DMatrixRMaj basis = SingularValues.basis(times(matrix, transposed(rows(once, matrix))));
        return new Product(basis, rows(basis, matrix));
    }

    /** The transposed left matrix times the right one. The small matrix is transposed, which is faster than on the fly. */
    private static DMatrixRMaj rows(DMatrixRMaj left, DMatrixRMaj right) {
        return times(transposed(left), right);
    }

    private static DMatrixRMaj transposed(DMatrixRMaj matrix) {
        return CommonOps_DDRM.transpose(matrix, null);
    }

    private static DMatrixRMaj times(DMatrixRMaj left, DMatrixRMaj right) {
        DMatrixRMaj result = new DMatrixRMaj(left.numRows, right.numCols);
        CommonOps_DDRM.mult(left, right, result);
        return result;
    }
}
