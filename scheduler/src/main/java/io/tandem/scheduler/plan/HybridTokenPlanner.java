package io.tandem.scheduler.plan;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.PackProgress;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.slo.IterationFeatures;
import io.tandem.scheduler.slo.LatencyModel;
import java.util.List;
import java.util.Optional;

/**
 * Inference and fine-tuning in the same iteration. Inference comes first ({@link InferencePlanner}); fine-tuning takes
 * what is left of the iteration's {@linkplain IterationBudget budget}: the window is the largest that the latency model
 * still predicts to fit beside the inference (FlexLLM's rule, NSDI 2026: {@code max s such that f(c, s) <= SLO}).
 *
 * <p>Best-effort requests come between the two: they get what interactive ones leave of the budget ({@link SpareTime}), or
 * half of it if a job trains.
 *
 * <p>Drafts ({@link DraftPlanner}) are chosen beside that window, and the window then takes what they leave: only such
 * drafts run as save an answer more device time than they cost, so over the answer fine-tuning gains.
 *
 * <p>Two rules temper that. Inference may fill the budget alone; then fine-tuning gets the share of the time that
 * {@link Finetuning#floor} says, because a job that stands still for as long as traffic lasts helps nobody. If that
 * share is too little for a window worth running, it is saved up until it is enough. The same holds while requests wait
 * for a place: answers that keep their target all the same would end sooner in shorter iterations, and make room. And it
 * holds while another tenant than the job's waits for a first token. As long as there are {@link ModestTenants}, iterations
 * are as short as {@link TenantDelay} says, and those that give their first tokens have no window at all.
 *
 * <p>What a step takes beside its windows goes on after iterations in pieces, by the same rules: if the budget has room for a
 * whole piece, or when the floor's share is enough for one. Where the budget had room for a window, or for best-effort rows, it has
 * room for a piece, which the next windows make up for; so most steps are done with their last window.
 */
public final class HybridTokenPlanner implements IterationPlanner {
    private final Finetuning config;
    private final int maxRows;
    private final LatencyModel latency;
    private final IterationBudget budget;
    private final InferencePlanner inference;
    private final SpareTime spare;
    private final TenantDelay delay;
    private final DraftPlanner drafts;
    /** Rows, or layers of a row; fewer would take as long. */
    private final int smallestWindow;

    private final long pieceNanos;

    public HybridTokenPlanner(SchedulerConfig config, KernelsConfig limits, LatencyModel latency) {
        this.config = config.finetuning();
        this.maxRows = limits.maxTokensPerIteration();
        this.latency = latency;
        this.budget = new IterationBudget(config.targets());
        this.spare = new SpareTime(latency, config.prefillChunkTokens());
        this.delay = new TenantDelay(config.targets(), latency, spare);
        this.inference = new InferencePlanner(config, latency, delay);
        this.drafts = new DraftPlanner(latency);
        this.smallestWindow = latency.freeRows();
        this.pieceNanos = config.targets().pieceNanos();
    }

    @Override
    public IterationPlan plan(
            List<Sequence> running,
            int waiting,
            Optional<PendingTraining> training,
            ModestTenants modest,
            long nowNanos) {
        long budgetNanos = budget.nanos(running, nowNanos);
        List<Sequence> bestEffort =
                running.stream().filter(Sequence::bestEffort).toList();
        long spareNanos = spareNanos(budgetNanos, waiting, modest);
        if (training.isEmpty()) {
            IterationPlan interactive = inference.plan(running, maxRows, 1, modest, nowNanos);
            long leftNanos = delay.hurries(interactive, modest) ? 0 : spareNanos;
            IterationPlan plan = spare.fill(
                    interactive, bestEffort, maxRows - interactive.features().rows(), leftNanos);
            long draftNanos = Math.min(budgetNanos, delay.limitNanos(plan, modest));
            return drafts.add(plan, plan.features(), maxRows - plan.features().rows(), draftNanos);
        }
        PackProgress pack = training.get().pack();
        int mostRows = maxRows - reservedRows(pack);
        // What prompts may use ends where the floor of fine-tuning begins.
        IterationPlan interactive = inference.plan(running, mostRows, 1 - config.floor(), modest, nowNanos);
        if (delay.hurries(interactive, modest)) {
            // What the floor is owed is saved for a later one.
            int room = mostRows - interactive.features().rows();
            return drafts.add(interactive, interactive.features(), room, (long) ((1 - config.floor()) * budgetNanos));
        }
        if (ModestTenants.awaitFirstToken(running, training.get().tenants())) {
            spareNanos = 0;
        }
        long aloneNanos = latency.predictNanos(interactive.features());
        IterationPlan plan = spare.fill(
                interactive, bestEffort, mostRows - interactive.features().rows(), (aloneNanos + spareNanos) / 2);
        IterationPlan full = withWindow(plan, training.get(), spareNanos);
        int room = mostRows - plan.features().rows();
        long draftNanos = (long) ((1 - config.floor()) * Math.min(budgetNanos, delay.limitNanos(plan, modest)));
        IterationPlan drafted = drafts.add(plan, full.features(), room, draftNanos);
        return drafted.features().draftRows() == 0 ? full : withWindow(drafted, training.get(), spareNanos);
    }

    /** Up to which an iteration may do what can wait. Who waits is admitted sooner if it does nothing of that. */
    private long spareNanos(long budgetNanos, int waiting, ModestTenants modest) {
        return waiting > 0 ? 0 : Math.min(budgetNanos, delay.limitNanos(modest));
    }

    @Override
    public long pieceNanos(
            IterationPlan plan,
            List<Sequence> running,
            int waiting,
            ModestTenants modest,
            PendingSteps steps,
            long nowNanos) {
        // It may follow an iteration that is as long as the limit.
        long mostNanos = Math.min(pieceNanos, delay.limitNanos(modest) / 2);
        if (plan.empty() || savedNanos(steps.spell().nanos()) >= mostNanos) {
            return mostNanos;
        }
        long spareNanos = ModestTenants.awaitFirstToken(running, steps.tenants())
                ? 0
                : spareNanos(budget.nanos(running, nowNanos), waiting, modest);
        // The next iteration has about the same work. What can wait fills the time there is, and makes up for a piece.
        long workNanos = latency.predictNanos(plan.features());
        boolean fits = hasWhatCanWait(plan) ? workNanos <= spareNanos : workNanos + mostNanos <= spareNanos;
        return fits ? mostNanos : 0;
    }

    private static boolean hasWhatCanWait(IterationPlan plan) {
        return plan.training().isPresent()
                || plan.chunks().stream().anyMatch(chunk -> chunk.sequence().bestEffort());
    }

    /** What the floor owes to training after inference alone has run for so long. */
    private double savedNanos(long servedNanos) {
        return config.floor() / (1 - config.floor()) * servedNanos;
    }

    private IterationPlan withWindow(IterationPlan plan, PendingTraining training, long budgetNanos) {
        WindowSize window =
                new WindowSize(training.pack(), maxRows - plan.features().rows());
        long size = config.fixedWindowTokens() > 0
                ? window.fixed(config.fixedWindowTokens())
                : size(window, plan, budgetNanos, training.spell());
        return size == 0 ? plan : window.join(plan, size);
    }

    /** Rows that prompts leave to the window; a backward window needs none. */
    private int reservedRows(PackProgress pack) {
        if (pack.forwardRows() == 0) {
            return 0;
        }
        int wanted =
                config.fixedWindowTokens() > 0 ? config.fixedWindowTokens() : config.floor() > 0 ? smallestWindow : 0;
        return Math.min(wanted, maxRows - 1);
    }

    private long size(WindowSize window, IterationPlan plan, long budgetNanos, ServingSpell spell) {
        IterationFeatures alone = plan.features();
        long aloneNanos = latency.predictNanos(alone);
        long limit = Math.max(budgetNanos, (long) (aloneNanos / (1 - config.floor())));
        long most = window.most(config.maxTokens());
        long least = plan.empty() ? Math.min(smallestWindow, most) : 0;
        long size = LargestFit.find(least, most, n -> latency.predictNanos(window.features(alone, n)) <= limit);
        if (size > 0 || config.floor() == 0) {
            return size;
        }
        long smallest = Math.min(smallestWindow, most);
        long cost = latency.predictNanos(window.features(alone, smallest)) - aloneNanos;
        return savedNanos(spell.nanos() + aloneNanos) >= cost ? smallest : 0;
    }
}
