package io.tandem.scheduler.plan;

import io.tandem.scheduler.finetune.FinetuneRun;
import io.tandem.scheduler.inference.Sequence;
import java.util.List;
import java.util.Optional;

/** Decides what the next iteration carries; changes nothing. */
public interface IterationPlanner {
    /**
     * @param running in the order of admission
     * @param waiting requests that no place was found for
     * @param job the one that trains
     * @param spell how long the job has waited
     * @param nowNanos against which first tokens become due
     */
    IterationPlan plan(
            List<Sequence> running, int waiting, Optional<FinetuneRun> job, ServingSpell spell, long nowNanos);
}
