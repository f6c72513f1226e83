package io.tandem.kernels;

import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Prefix;
import java.util.Set;

/**
 * How the factors of one adapter are updated.
 *
 * @param method the rule of an update
 * @param beta1 decay of the first moment; the momentum of {@link Method#SGD}
 * @param beta2 decay of the second moment; that of {@link Method#LION}'s momentum, unused by {@link Method#SGD}
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled, per unit of learning rate
 * @param maxGradientNorm gradients with a larger norm are scaled down to it; 0 means never
 * @param loraPlusRatio learning rate of the factors B in units of that of A (LoRA+, Hayou et al., 2024)
 * @param orthogonality weight of a penalty beside the loss: the mean, over the factors A and {@code B^T} of all modules, of the
 *     Frobenius norm of {@code M M^T - I} (AdaLoRA, Zhang et al., 2023); 0 means none
 * @param layered whether each layer counts its own steps, so that there can be some in which it does not learn
 */
public record OptimizerConfig(
        Method method,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        double maxGradientNorm,
        double loraPlusRatio,
        double orthogonality,
        boolean layered) {

    /** The rule of an update; each has a file of its own in {@code optim/}. */
    public enum Method {
        /** Loshchilov and Hutter, 2019. */
        ADAMW,
        /**
         * The same with moments in 8 bits (Dettmers et al., 2022); factors of less than 1024 numbers, virtual tokens and
         * embeddings keep 32.
         */
        ADAMW_8BIT,
        /** Stochastic gradient descent with momentum. */
        SGD,
        /** Chen et al., 2023. */
        LION;

        /** Bytes that it remembers of one factor of an adapter. */
        public long stateBytes(long numbers) {
            return switch (this) {
                case ADAMW -> 2 * Float.BYTES * numbers;
                case ADAMW_8BIT ->
                    numbers < MIN_QUANTIZED
                            ? 2 * Float.BYTES * numbers
                            : 2 * (numbers + Float.BYTES * ((numbers + BLOCK - 1) / BLOCK));
                case SGD, LION -> Float.BYTES * numbers;
            };
        }
    }

    /** Numbers that share a scale in 8-bit states, as in bitsandbytes. */
    public static final int BLOCK = 256;

    /**
     * Factors with fewer numbers keep 32-bit states. bitsandbytes draws the line at 4096, which is made for the weights
     * of whole models: a good part of a small adapter's factors lies below.
     */
    public static final int MIN_QUANTIZED = 1024;

    private static final Set<String> IN_FULL_PRECISION = Set.of(Prefix.EMBEDDINGS, FullModule.EMBED_TOKENS.weight());

    public static final OptimizerConfig DEFAULT = of(Method.ADAMW);

    public OptimizerConfig {
        require(beta1 >= 0 && beta1 < 1, "beta1", beta1, "0 or more and below 1");
        require(beta2 >= 0 && beta2 < 1, "beta2", beta2, "0 or more and below 1");
        require(positive(epsilon), "epsilon", epsilon, "above 0");
        require(weightDecay == 0 || positive(weightDecay), "weight decay", weightDecay, "0 or more");
        require(maxGradientNorm == 0 || positive(maxGradientNorm), "max gradient norm", maxGradientNorm, "0 or more");
        require(positive(loraPlusRatio), "LoRA+ ratio", loraPlusRatio, "above 0");
        require(orthogonality == 0 || positive(orthogonality), "orthogonality", orthogonality, "0 or more");
    }

    /** Without a penalty, and of which all layers learn in every step. */
    public OptimizerConfig(
            Method method,
            double beta1,
            double beta2,
            double epsilon,
            double weightDecay,
            double maxGradientNorm,
            double loraPlusRatio) {
        this(method, beta1, beta2, epsilon, weightDecay, maxGradientNorm, loraPlusRatio, 0, false);
    }

    /** The same with a penalty. */
    public OptimizerConfig withOrthogonality(double weight) {
        return new OptimizerConfig(
                method, beta1, beta2, epsilon, weightDecay, maxGradientNorm, loraPlusRatio, weight, layered);
    }

    /** The same with steps of each layer. */
    public OptimizerConfig withLayers() {
        return new OptimizerConfig(
                method, beta1, beta2, epsilon, weightDecay, maxGradientNorm, loraPlusRatio, orthogonality, true);
    }

    /** The constants that the method was published with, and clipping at norm 1. */
    public static OptimizerConfig of(Method method) {
        double beta2 = method == Method.LION ? 0.99 : 0.999;
        return new OptimizerConfig(method, 0.9, beta2, 1e-8, 0, 1, 1);
    }

    /**
     * Whether a parameter's state is kept in 8 bits. That of virtual tokens and of an embedding in full is not: rows of an
     * embedding learn at very different paces, so bitsandbytes has a layer of its own for them, and HuggingFace's trainer keeps
     * theirs in 32 bits.
     */
    public boolean quantizes(String parameter, long numbers) {
        return method == Method.ADAMW_8BIT && numbers >= MIN_QUANTIZED && !IN_FULL_PRECISION.contains(parameter);
    }

    /** Factor on the learning rate of the parameters of this name. */
    public double rate(String parameter) {
        return parameter.equals(LowRank.B) ? loraPlusRatio : 1;
    }

    private static boolean positive(double value) {
        return value > 0 && Double.isFinite(value);
    }

    private static void require(boolean holds, String name, double found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("the optimizer's " + name + " is " + found + ", expected " + expected);
        }
    }
}
