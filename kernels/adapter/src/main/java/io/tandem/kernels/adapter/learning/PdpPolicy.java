package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import java.util.Optional;

/**
 * PDP, pruning by differentiable masks without parameters (Cho et al., 2023), of the ranks of a LoRA adapter. All ranks learn
 * at first; then more and more of those that change least are {@linkplain RankPruning masked softly}, from which they can
 * come back; at the end they are left out.
 *
 * @param sparsity the share of all ranks that is left out in the end, above 0 and below 1
 */
public record PdpPolicy(double sparsity) implements LearningPolicy {
    public static final String NAME = "pdp";
    public static final double DEFAULT_SPARSITY = 0.5;

    /** Parts of the job before which nothing is masked, and from which on as much as in the end. */
    private static final double BEGIN = 0.2;

    private static final double END = 0.7;

    public PdpPolicy {
        if (!(sparsity > 0 && sparsity < 1)) {
            throw new IllegalArgumentException("a sparsity of " + sparsity);
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
                : Optional.of("prunes ranks of plain LoRA, which '" + method.name() + "' with these settings is not");
    }

    @Override
    public boolean leavesTheLast() {
        return true;
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        return new LearningRun() {
            @Override
            public LearningPlan plan(int step) {
                return LearningPlan.pruning(share(step, setting.totalSteps()));
            }

            @Override
            public LearningPlan measuring(int step) {
                return plan(step);
            }

            @Override
            public Optional<Adapter> pruned(Adapter trained, int step) {
                int ranks = trained.factors().values().stream()
                        .mapToInt(LowRank::rank)
                        .sum();
                int pruned = plan(step).pruned(ranks);
                return pruned == 0 ? Optional.empty() : Optional.of(new RankPruning(trained, pruned).pruned());
            }
        };
    }

    /** Of the ranks after so many steps. */
    private double share(int step, int totalSteps) {
        double done = (double) step / totalSteps;
        return sparsity * Math.min(1, Math.max(0, (done - BEGIN) / (END - BEGIN)));
    }
}
