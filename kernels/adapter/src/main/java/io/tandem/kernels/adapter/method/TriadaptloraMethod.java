package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Core.Shape;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;

/**
 * TriAdaptLoRA (Liang et al., 2025): {@code s B C A} whose core is a lower and an upper triangle. A module grows by a block of
 * rows of the one and of columns of the other, and with them of A and B. Those grow whose core has gained the most in norm,
 * divided by its blocks, since modules last grew.
 *
 * @param config with the rank that modules have on average in the end
 * @param threshold how many modules grow at the same time
 */
public record TriadaptloraMethod(LoraConfig config, GrowthSettings settings, Threshold threshold)
        implements GrowingMethod {
    /** About how often ranks grow, whatever the length of the job. */
    private static final int TIMES = 10;

    /** How many modules grow at the same time, of the ranks that are left and the progress of the job. */
    public enum Threshold {
        /** A share of the ranks that are left: the progress. */
        LINEAR,
        /** The ranks that are left to the power of the progress. */
        EXPONENTIAL
    }

    @Override
    public String name() {
        return "triadaptlora";
    }

    @Override
    public RankBudget budget() {
        int step = Math.max(1, config.rank() / 2);
        return new RankBudget(config.rank(), step, step);
    }

    @Override
    public CoreShape shape() {
        return new CoreShape(Shape.FULL, budget().room(), 0);
    }

    @Override
    public boolean learnsAhead() {
        return false;
    }

    @Override
    public int times(ModelConfig model) {
        return TIMES;
    }

    @Override
    public GrowthRule rule(ModelConfig model) {
        int step = budget().step();
        return new GrowthRule() {
            @Override
            public void observe(Memory module) {
                module.second = module.importance / ((double) module.rank / step);
            }

            @Override
            public double score(Memory module) {
                return module.second - module.first;
            }

            @Override
            public void settle(Memory module) {
                module.first = module.second;
            }

            @Override
            public int modules(int left, double progress) {
                return (int) (threshold == Threshold.LINEAR ? left * progress : Math.exp(progress * Math.log(left)));
            }
        };
    }
}
