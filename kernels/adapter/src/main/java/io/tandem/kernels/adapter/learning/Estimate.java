package io.tandem.kernels.adapter.learning;

import java.util.List;
import java.util.Optional;

/**
 * How much a module of an adapter matters in one mini-batch (Light-PEFT, Gu et al., 2024).
 *
 * @param ranks of each rank, to first order what the loss would change by without it:
 *     {@code |mean of a dL/da| + |mean of b dL/db|}, a its row of A and b its column of B
 * @param output how much it adds to the module's output, against what the base gives, {@code |s B A x| / |W x + b|}: the sum over
 *     all tokens
 * @param sensitivity {@code |dL/dB|^2 inputs / (s |A|)^2}. Where B is zero and A random, as an adapter starts, dL/dB is
 *     {@code s dL/dW A^T}, and this is on average the sum of the squared gradients of the module's whole weight, {@code
 *     |dL/dW|^2}
 * @param sensitive the module's weights with the largest gradients, if its layer was {@linkplain LearningPlan#sensed sensed}
 */
public record Estimate(List<Double> ranks, double output, double sensitivity, Optional<SensitiveWeights> sensitive) {
    public Estimate {
        ranks = List.copyOf(ranks);
    }

    /** Without a look at single weights. */
    public Estimate(List<Double> ranks, double output, double sensitivity) {
        this(ranks, output, sensitivity, Optional.empty());
    }
}
