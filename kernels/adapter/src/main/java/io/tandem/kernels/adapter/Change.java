package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.List;
import java.util.Optional;

/**
 * What an adapter does to one linear {@code y = W x + b}, or to the output of a block. Each form has its file in the
 * device's {@code adapter/}, with the forward pass beside the backward pass.
 */
public sealed interface Change
        permits LowRank,
                LeadingRanks,
                Core,
                SingularValues,
                Dora,
                BiasedFactors,
                Scale,
                Bottleneck,
                SingleWeights,
                OwnWeight {
    /** The form's name in messages. */
    String form();

    /** Columns of W. */
    int inputs();

    /** Rows of W. */
    int outputs();

    /** Of its factors; 0 if it has none. */
    default int rank() {
        return lowRank().map(LowRank::rank).orElse(0);
    }

    /** How many of its ranks learn while it is trained; the others come behind them. */
    default int learning() {
        return rank();
    }

    /** How many ranks it takes in an adapter slot, those that learn first. */
    default int slotRanks() {
        return rank();
    }

    /** The same change without what only training needs. */
    default Change served() {
        return this;
    }

    /** The factors that it has, with nothing of the change that is not their product. May have to be computed. */
    Optional<LowRank> lowRank();

    /** A of its factors, {@code [rank, inputs]}; no numbers if it has none. Takes no time, unlike {@link #lowRank}. */
    default float[] right() {
        return lowRank().map(LowRank::a).orElseGet(() -> new float[0]);
    }

    /** The factor on the product of its factors. Takes no time either. */
    default double scaling() {
        return lowRank().map(LowRank::scaling).orElse(1.0);
    }

    /** Its numbers that can learn, by the names of PEFT's files. */
    List<Parameter> parameters();

    /** What training goes on with and {@link #served} does not have. */
    default List<Parameter> kept() {
        return List.of();
    }

    /**
     * The same change with other numbers.
     *
     * @param values in the order of {@link #parameters}
     */
    Change with(List<float[]> values);

    /**
     * Refuses numbers that a device of this type could not hold.
     *
     * @throws IllegalArgumentException whose message continues the module's name
     */
    void requireFinite(Dtype dtype);

    /** How much it changes: of factors the Frobenius norm of their product, of scales their distance from one. */
    double norm();

    /** Whether it certainly leaves the linear as it is. */
    default boolean isIdle() {
        return norm() == 0;
    }

    /** How many numbers {@link #parameters} have together. */
    default long numbers() {
        return parameters().stream().mapToLong(p -> p.values().length).sum();
    }
}
