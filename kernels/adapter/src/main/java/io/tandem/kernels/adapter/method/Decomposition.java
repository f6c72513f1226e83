package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.LowRank;
import org.ejml.data.DMatrixRMaj;

/** Which part of a weight W {@code [outputs, inputs]} the factors begin as, {@code s B A}. */
public enum Decomposition {
    /**
     * The singular vectors of the largest singular values, the roots of which A and B share (PiSSA, Meng et al., 2024).
     * Found as PEFT's {@code pissa_niter_4} does.
     */
    PISSA {
        @Override
        LowRank factors(Weight weight, int rank, double scaling, long seed) {
            return SingularTriplets.of(weight, rank, seed).factors(rank, scaling, value -> Math.sqrt(value / scaling));
        }
    },

    /** The first columns of Q and rows of R, where {@code W = Q R} (OLoRA, Büyükakyüz, 2024), which count times the scaling. */
    OLORA {
        @Override
        LowRank factors(Weight weight, int rank, double scaling, long seed) {
            // Q's first columns follow from W's first columns alone.
            DMatrixRMaj q = ThinMatrices.basis(weight.columns(rank));
            return ThinMatrices.lowRank(weight.transposedTimes(q), q, scaling);
        }
    };

    /**
     * @param rank at most {@link Weight#mostRank}
     * @param scaling on the product of the factors
     * @param seed of random vectors
     */
    abstract LowRank factors(Weight weight, int rank, double scaling, long seed);
}
