package io.tandem.kernels.adapter;

import java.util.Optional;

/**
 * A weight of its own in the place of the linear's, {@code y = Q x + b}: no adapter comes of it but a base model with that weight.
 */
public sealed interface OwnWeight extends Change permits QuantizedFactors, SparseFactors {
    /** None that an adapter slot has. */
    @Override
    default int rank() {
        return 0;
    }

    @Override
    default Optional<LowRank> lowRank() {
        return Optional.empty();
    }

    /** That nothing is added does not leave the linear's weight as it is. */
    @Override
    default boolean isIdle() {
        return false;
    }
}
