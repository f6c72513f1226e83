package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.LowRank;
import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.RandomMatrices_DDRM;
import org.ejml.dense.row.SingularOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.QRDecomposition;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/** Which part of a weight W {@code [outputs, inputs]} the factors begin as, {@code s B A}. */
public enum Decomposition {
    /**
     * The singular vectors of the largest singular values, the roots of which A and B share (PiSSA, Meng et al., 2024).
     * Found by multiplying W with random vectors (Halko, Martinsson and Tropp, 2011), as PEFT's {@code pissa_niter_4}.
     */
    PISSA {
        @Override
        LowRank factors(Weight weight, int rank, double scaling, long seed) {
            int width = Math.min(rank + OVERSAMPLING, weight.mostRank());
            DMatrixRMaj basis = basis(weight.times(
                    RandomMatrices_DDRM.rectangleGaussian(weight.inputs(), width, 0, 1, new Random(seed))));
            for (int i = 0; i < POWER_ITERATIONS; i++) {
                basis = basis(weight.times(basis(weight.transposedTimes(basis))));
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
            double[] roots = new double[rank];
            for (int i = 0; i < rank; i++) {
                roots[i] = Math.sqrt(values[i] / scaling);
            }
            DMatrixRMaj b = new DMatrixRMaj(weight.outputs(), rank);
            CommonOps_DDRM.mult(basis, scaled(left, roots), b);
            return lowRank(CommonOps_DDRM.transpose(scaled(right, roots), null), b, scaling);
        }
    },

    /** The first columns of Q and rows of R, where {@code W = Q R} (OLoRA, Büyükakyüz, 2024), which count times the scaling. */
    OLORA {
        @Override
        LowRank factors(Weight weight, int rank, double scaling, long seed) {
            // Q's first columns follow from W's first columns alone.
            DMatrixRMaj q = basis(weight.columns(rank));
            return lowRank(CommonOps_DDRM.transpose(weight.transposedTimes(q), null), q, scaling);
        }
    };

    private static final int OVERSAMPLING = 10;
    private static final int POWER_ITERATIONS = 4;

    /**
     * @param rank at most {@link Weight#mostRank}
     * @param scaling on the product of the factors
     * @param seed of random vectors
     */
    abstract LowRank factors(Weight weight, int rank, double scaling, long seed);

    /** An orthonormal basis of a matrix's columns. */
    private static DMatrixRMaj basis(DMatrixRMaj matrix) {
        QRDecomposition<DMatrixRMaj> qr = DecompositionFactory_DDRM.qr(matrix.numRows, matrix.numCols);
        qr.decompose(matrix);
        return qr.getQ(null, true);
    }

    /** The first columns, each times its factor. */
    private static DMatrixRMaj scaled(DMatrixRMaj matrix, double[] factors) {
        DMatrixRMaj first = CommonOps_DDRM.extract(matrix, 0, matrix.numRows, 0, factors.length);
        CommonOps_DDRM.multCols(first, factors);
        return first;
    }

    private static LowRank lowRank(DMatrixRMaj a, DMatrixRMaj b, double scaling) {
        return new LowRank(a.numRows, a.numCols, b.numRows, narrowed(a.data), narrowed(b.data), scaling);
    }

    private static float[] narrowed(double[] values) {
        float[] result = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = (float) values[i];
        }
        return result;
    }
}
