package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Core.Shape;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import java.util.OptionalInt;

/**
 * IncreLoRA (Zhang et al., 2023): {@code s B diag(e) A} whose modules start with one rank each and grow by their importance
 * until they have the budget. Ranks that a module may get next learn their part of A and B in advance, with an e that is
 * almost zero and fixed. A module's importance is the product of two moving averages: of {@code I} and of how far I is from
 * its average, where I is the sum of {@code |s B diag(e) A * gradient|} over the root of the matrix's size. The device sums
 * along each row before it takes magnitudes, because the gradient of the whole matrix would take the memory of the model.
 *
 * @param config with the rank that modules have on average in the end
 * @param atOnce modules that grow at the same time; a sixth of them if empty
 */
public record IncreloraMethod(LoraConfig config, GrowthSettings settings, OptionalInt atOnce) implements GrowingMethod {
    /** The paper's decay of the averages. */
    private static final double BETA = 0.85;

    /** What e is before a module has grown by its rank. */
    private static final float AHEAD = 1e-5f;

    @Override
    public String name() {
        return "increlora";
    }

    @Override
    public RankBudget budget() {
        return new RankBudget(config.rank(), 1, Math.max(1, config.rank() / 2));
    }

    @Override
    public CoreShape shape() {
        return new CoreShape(Shape.DIAGONAL, budget().room(), AHEAD);
    }

    @Override
    public boolean learnsAhead() {
        return true;
    }

    @Override
    public int times(ModelConfig model) {
        int modules = config.sites(model).size();
        return (budget().left(modules, modules) + atOnce(modules) - 1) / atOnce(modules);
    }

    private int atOnce(int modules) {
        return atOnce.orElse((modules + 5) / 6);
    }

    @Override
    public GrowthRule rule(ModelConfig model) {
        int atOnce = atOnce(config.sites(model).size());
        return new GrowthRule() {
            @Override
            public void observe(Memory module) {
                module.first = BETA * module.first + (1 - BETA) * module.importance;
                double away = Math.abs(module.importance - module.first);
                module.second = BETA * module.second + (1 - BETA) * away;
            }

            @Override
            public double score(Memory module) {
                return module.first * module.second;
            }

            @Override
            public void settle(Memory module) {}

            @Override
            public int modules(int left, double progress) {
                return atOnce;
            }
        };
    }
}
