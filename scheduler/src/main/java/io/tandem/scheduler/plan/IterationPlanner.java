package io.tandem.scheduler.plan;

import io.tandem.scheduler.inference.Sequence;
import java.util.List;
import java.util.Optional;

/** Decides what the next iteration carries; changes nothing. */
public interface IterationPlanner {
    /**
     * @param running in the order in which their prompts should run
     * @param waiting requests that no place was found for
     * @param training of the job that trains, if any does
     * @param modest tenants that others should not delay
     * @param nowNanos against which first tokens become due
     */
    IterationPlan plan(
            List<Sequence> running,
            int waiting,
            Optional<PendingTraining> training,
            ModestTenants modest,
            long nowNanos);

    /**
     * How long steps of trainees that are under way may go on after an iteration; 0 if they wait.
     *
     * @param plan of the iteration; empty if there was none
     * @param running as it left them
     * @param waiting as in {@link #plan}, and so are the modest tenants
     */
    long pieceNanos(
            IterationPlan plan,
            List<Sequence> running,
            int waiting,
            ModestTenants modest,
            PendingSteps steps,
            long nowNanos);
}
