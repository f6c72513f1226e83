package io.tandem.scheduler.plan;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.slo.IterationFeatures;
import io.tandem.scheduler.slo.LatencyModel;
import java.util.List;
import java.util.Optional;

/**
 * Inference and fine-tuning in turns: a number of iterations of inference, then a whole training step in the largest
 * windows there are, and so on; without inference one step follows the other. That is how a training program and a
 * server share a device that knows neither windows nor targets, and what co-serving is compared with.
 */
public final class TemporalPlanner implements IterationPlanner {
    private static final IterationPlan NOTHING =
            new IterationPlan(List.of(), Optional.empty(), IterationFeatures.NOTHING);

    private final int interval;
    private final int maxRows;
    private final InferencePlanner inference;
    private final SpareTime spare;
    private final TenantDelay delay;
    private final IterationBudget budget;
    private final DraftPlanner drafts;

    public TemporalPlanner(SchedulerConfig config, KernelsConfig limits, LatencyModel latency) {
        this.interval = config.finetuning().temporalInterval();
        this.maxRows = limits.maxTokensPerIteration();
        this.spare = new SpareTime(latency, config.prefillChunkTokens());
        this.delay = new TenantDelay(config.targets(), latency, spare);
        this.inference = new InferencePlanner(config, latency, delay);
        this.budget = new IterationBudget(config.targets());
        this.drafts = new DraftPlanner(latency);
    }

    @Override
    public IterationPlan plan(
            List<Sequence> running,
            int waiting,
            Optional<PendingTraining> training,
            ModestTenants modest,
            long nowNanos) {
        if (training.isPresent()) {
            PendingTraining next = training.get();
            if (!next.betweenSteps() || running.isEmpty() || next.spell().iterations() >= interval) {
                WindowSize window = new WindowSize(next.pack(), maxRows);
                return window.join(NOTHING, window.most(Integer.MAX_VALUE));
            }
        }
        IterationPlan interactive = inference.plan(running, maxRows, 1, modest, nowNanos);
        long budgetNanos = budget.nanos(running, nowNanos);
        boolean hurries = waiting > 0 || delay.hurries(interactive, modest);
        IterationPlan plan = spare.fill(
                interactive,
                running.stream().filter(Sequence::bestEffort).toList(),
                maxRows - interactive.features().rows(),
                hurries ? 0 : Math.min(budgetNanos, delay.limitNanos(modest)));
        return drafts.add(
                plan,
                plan.features(),
                maxRows - plan.features().rows(),
                Math.min(budgetNanos, delay.limitNanos(plan, modest)));
    }

    /** Steps are whole. */
    @Override
    public long pieceNanos(
            IterationPlan plan,
            List<Sequence> running,
            int waiting,
            ModestTenants modest,
            PendingSteps steps,
            long nowNanos) {
        return Long.MAX_VALUE;
    }
}
