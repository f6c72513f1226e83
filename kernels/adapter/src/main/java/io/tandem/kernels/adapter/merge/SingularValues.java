package io.tandem.kernels.adapter.merge;

import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.SingularOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.QRDecomposition;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/**
 * The best approximation of a product by one of lower rank. The product is never formed: with {@code left = Q1 R1} and
 * {@code right^T = Q2 R2} its singular values are those of the small matrix {@code R1 R2^T}.
 */
final class SingularValues {
    /**
     * What float32 cannot hold beside the largest entries, as a share of the squared norm. Well above the error that
     * float64 makes in a difference of two squared norms.
     */
    private static final double ROUNDING = (double) Math.ulp(1f) * Math.ulp(1f);

    private final DMatrixRMaj leftBasis;
    private final DMatrixRMaj rightBasis;
    private final DMatrixRMaj u;
    private final DMatrixRMaj v;
    private final double[] values;

    SingularValues(Product product) {
        QRDecomposition<DMatrixRMaj> left = qr(product.left());
        QRDecomposition<DMatrixRMaj> right = qr(CommonOps_DDRM.transpose(product.right(), null));
        leftBasis = left.getQ(null, true);
        rightBasis = right.getQ(null, true);
        DMatrixRMaj core = new DMatrixRMaj(leftBasis.numCols, rightBasis.numCols);
        CommonOps_DDRM.multTransB(left.getR(null, true), right.getR(null, true), core);
        SingularValueDecomposition_F64<DMatrixRMaj> svd =
                DecompositionFactory_DDRM.svd(core.numRows, core.numCols, true, true, true);
        if (!svd.decompose(core)) {
            throw new IllegalStateException("the singular values of a [" + product.left().numRows + ", "
                    + product.right().numCols + "] change do not converge");
        }
        u = svd.getU(null, false);
        v = svd.getV(null, false);
        values = svd.getSingularValues();
        SingularOps_DDRM.descendingOrder(u, false, values, values.length, v, false);
    }

    /** An orthonormal basis {@code [rows, min(rows, columns)]} of a matrix's columns. */
    static DMatrixRMaj basis(DMatrixRMaj matrix) {
        return qr(matrix).getQ(null, true);
    }

    private static QRDecomposition<DMatrixRMaj> qr(DMatrixRMaj matrix) {
        QRDecomposition<DMatrixRMaj> qr = DecompositionFactory_DDRM.qr(matrix.numRows, matrix.numCols);
        qr.decompose(matrix.copy());
        return qr;
    }

    /**
     * The approximation of the smallest rank, from 1 to {@code maxRank}, that is close enough.
     *
     * @param squares squared Frobenius norm of what is approximated; more than that of the product if the product itself
     *     is an approximation
     */
    MergedModule truncated(int maxRank, double maxError, double squares) {
        double allowed = Math.max(maxError * maxError, ROUNDING) * squares;
        double held = squares();
        double cut = Math.max(0, squares - held);
        int rank = values.length;
        while (rank > 1 && (rank > maxRank || cut + values[rank - 1] * values[rank - 1] <= allowed)) {
            rank--;
            cut += values[rank] * values[rank];
        }
        return new MergedModule(factors(rank).toLowRank(), Loss.cut(cut <= ROUNDING * squares ? 0 : cut, squares));
    }

    /** Squared Frobenius norm of the product. */
    double squares() {
        double sum = 0;
        for (double value : values) {
            sum += value * value;
        }
        return sum;
    }

    /** PEFT's choice: singular values in B, A's rows orthonormal. */
    private Product factors(int rank) {
        DMatrixRMaj scaled = CommonOps_DDRM.extract(u, 0, u.numRows, 0, rank);
        CommonOps_DDRM.multCols(scaled, values);
        DMatrixRMaj left = new DMatrixRMaj(leftBasis.numRows, rank);
        CommonOps_DDRM.mult(leftBasis, scaled, left);
        DMatrixRMaj right = new DMatrixRMaj(rank, rightBasis.numRows);
        DMatrixRMaj kept = CommonOps_DDRM.extract(v, 0, v.numRows, 0, rank);
        CommonOps_DDRM.multTransAB(kept, rightBasis, right);
        return new Product(left, right);
    }
}
