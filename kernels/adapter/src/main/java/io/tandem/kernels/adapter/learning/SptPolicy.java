package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import java.util.Optional;

/**
 * SPT, sensitivity-aware visual parameter-efficient fine-tuning (He et al., 2023): the first mini-batches change nothing and
 * measure how sensitive the loss is to each frozen weight, by its squared gradient. Then the most sensitive ones that there is a
 * budget for are tuned: in modules with many of them by factors, in others one by one.
 *
 * @param budget the share of the parameters that all modules would have, above 0 and at most 1
 */
public record SptPolicy(double budget) implements LearningPolicy {
    public static final String NAME = "spt";
    public static final double DEFAULT_BUDGET = 0.25;

    public SptPolicy {
        if (!(budget > 0 && budget <= 1)) {
            throw new IllegalArgumentException("a budget of " + budget);
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Optional<String> refusal(PeftMethod method) {
        return method instanceof LoraMethod
                ? Optional.empty()
                : Optional.of(
                        "chooses modules of plain LoRA, which '" + method.name() + "' with these settings is not");
    }

    @Override
    public int sensedLayers(int layers, int totalSteps) {
        int batches = SptRun.batches(totalSteps);
        return (layers + batches - 1) / batches;
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        return new SptRun(budget, setting, from);
    }
}
