package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.LowRank;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.QRDecomposition;

/** What the decompositions of a weight have in common. */
final class ThinMatrices {
    private ThinMatrices() {}

    /** An orthonormal basis of a matrix's columns. */
    static DMatrixRMaj basis(DMatrixRMaj matrix) {
        QRDecomposition<DMatrixRMaj> qr = DecompositionFactory_DDRM.qr(matrix.numRows, matrix.numCols);
        qr.decompose(matrix);
        return qr.getQ(null, true);
    }

    /**
     * Factors in single precision.
     *
     * @param right {@code A^T}
     * @param left B
     */
    static LowRank lowRank(DMatrixRMaj right, DMatrixRMaj left, double scaling) {
        DMatrixRMaj a = CommonOps_DDRM.transpose(right, null);
        return new LowRank(a.numRows, a.numCols, left.numRows, narrowed(a.data), narrowed(left.data), scaling);
    }

    private static float[] narrowed(double[] values) {
        float[] result = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = (float) values[i];
        }
        return result;
    }
}
