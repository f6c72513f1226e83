package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import java.util.Optional;

/**
 * IST while a job trains. A step's layers are drawn by the sigmoid of their {@linkplain LayerTrials importance}; the published
 * code has its negative. In trials, half of the layers are suppressed.
 */
final class IstRun implements LearningRun {
    private static final double SUPPRESSED_SHARE = 0.5;

    private final IstPolicy policy;
    private final int layers;
    private final LayerTrials trials;

    IstRun(IstPolicy policy, Setting setting, LearningState from) {
        this.policy = policy;
        this.layers = setting.layers();
        // A new adapter changes nothing, so nothing is learned before the first step.
        this.trials = new LayerTrials(IstPolicy.NAME, setting, 0, from);
    }

    @Override
    public LearningPlan plan(int step) {
        return LearningPlan.only(trials.important(step, count(policy.share())));
    }

    @Override
    public Optional<Probe> probe(int step) {
        if (step == 0 || step % policy.probeEvery() != 0 || trials.isLearned(step)) {
            return Optional.empty();
        }
        LearningPlan plan = LearningPlan.suppressing(trials.next(step, count(SUPPRESSED_SHARE)));
        return Optional.of(new Probe(plan, trials.examples(step)));
    }

    @Override
    public Optional<Finding> probed(double loss) {
        return trials.add(loss);
    }

    @Override
    public LearningState state() {
        return trials.state();
    }

    private int count(double share) {
        return (int) Math.max(1, Math.round(share * layers));
    }
}
