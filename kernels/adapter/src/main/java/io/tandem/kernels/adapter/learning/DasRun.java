package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.UnaryOperator;

/**
 * DAS while a job trains. During the search each step skips layers that are drawn by how little they {@linkplain LayerTrials
 * matter}, and trials skip as many; whoever is served or measured skips those that matter least so far. After it, these are
 * left out of the adapter.
 */
final class DasRun implements LearningRun {
    /** However short the search is, there are trials so many times. */
    private static final int LEAST_TIMES = 4;

    private final LayerTrials trials;
    /** How many layers are skipped. */
    private final int count;
    /** Steps of the search. */
    private final int last;

    private final int every;

    DasRun(DasPolicy policy, Setting setting, LearningState from) {
        this.trials = new LayerTrials(DasPolicy.NAME, setting, -1, from);
        int layers = setting.layers();
        this.count = (int) Math.min(layers - 1, Math.max(1, Math.round(policy.skip() * layers)));
        this.last = (int) Math.max(1, Math.round(policy.search() * setting.totalSteps()));
        this.every = Math.max(1, Math.min(policy.probeEvery(), last / LEAST_TIMES));
    }

    @Override
    public LearningPlan plan(int step) {
        return step < last ? LearningPlan.skipping(trials.unimportant(step, count)) : LearningPlan.EVERYTHING;
    }

    @Override
    public Optional<Probe> probe(int step) {
        if (step >= last || step % every != 0 || trials.isLearned(step)) {
            return Optional.empty();
        }
        LearningPlan plan = LearningPlan.skipping(trials.next(step, count));
        return Optional.of(new Probe(plan, trials.examples(step)));
    }

    @Override
    public Optional<Finding> probed(double loss) {
        return trials.add(loss);
    }

    @Override
    public Optional<UnaryOperator<Adapter>> stepped(int step, SortedMap<Site, Estimate> estimates) {
        return step == last ? Optional.of(adapter -> adapter.skipping(trials.least(count))) : Optional.empty();
    }

    @Override
    public LearningPlan measuring(int step) {
        return step < last ? LearningPlan.skipping(trials.least(count)) : LearningPlan.EVERYTHING;
    }

    @Override
    public Optional<Adapter> pruned(Adapter trained, int step) {
        return step < last ? Optional.of(trained.skipping(trials.least(count))) : Optional.empty();
    }

    @Override
    public LearningState state() {
        return trials.state();
    }
}
