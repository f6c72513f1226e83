package io.tandem.scheduler.plan;

import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.inference.Sequence;
import java.util.List;

/**
 * How long the next iteration may take. What is promised is the mean time per token of an answer, so an answer has time
 * to spare when its iterations so far were shorter than that, and owes some when they were longer: whatever an iteration
 * took, the next ones make up for it, and neither noise nor a wrong prediction adds up. The answer with the least to
 * spare decides.
 *
 * <p>An answer that cannot make up any more for what it owes, or a prompt whose first token is late already, hurries
 * nobody: it goes on at the usual pace.
 */
final class IterationBudget {
    /** Answers are paced a little faster than promised, because nothing makes up for their last iteration. */
    private static final double PACE = 0.95;
    /** However much everybody could spare, a stream must not stall, nor who comes meanwhile wait, for longer. */
    private static final double MOST = 2;
    /** However much somebody is owed, it is given back in several iterations. */
    private static final double LEAST = 0.5;

    private final long paceNanos;
    private final long ttftNanos;

    IterationBudget(Targets targets) {
        this.paceNanos = (long) (PACE * targets.tpotNanos());
        this.ttftNanos = targets.ttftNanos();
    }

    /** @param running what will be in the iteration; best-effort sequences have no targets, so they do not count */
    long nanos(List<Sequence> running, long nowNanos) {
        long budget = (long) (MOST * paceNanos);
        for (Sequence sequence : running) {
            if (sequence.bestEffort()) {
                continue;
            }
            long spare = spareNanos(sequence, nowNanos);
            boolean lost = spare < -makeUpNanos(sequence);
            budget = Math.min(budget, lost ? paceNanos : spare);
        }
        return Math.max((long) (LEAST * paceNanos), budget);
    }

    /** Until its next token is due. */
    private long spareNanos(Sequence sequence, long nowNanos) {
        return sequence.generated() == 0
                ? sequence.timeline().arrival() + ttftNanos - nowNanos
                : sequence.timeline().firstToken() + sequence.generated() * paceNanos - nowNanos;
    }

    /** The most that can still be made up for. */
    private long makeUpNanos(Sequence sequence) {
        return sequence.generated() == 0 ? 0 : (long) ((1 - LEAST) * paceNanos * sequence.remaining());
    }
}
