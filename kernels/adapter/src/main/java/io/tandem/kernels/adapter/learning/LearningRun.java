package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.UnaryOperator;

/**
 * A policy while a job trains. What it says of a step follows from the job and the {@link #state} after the step before, so
 * a job that stopped goes on as if it had not. For one thread.
 */
@FunctionalInterface
public interface LearningRun {
    /**
     * What the trainee does in a step.
     *
     * @param step from 0
     */
    LearningPlan plan(int step);

    /** Examples whose loss the policy wants to know before a step; empty if it knows enough. */
    default Optional<Probe> probe(int step) {
        return Optional.empty();
    }

    /**
     * Takes in what the last {@link #probe} measured.
     *
     * @param loss mean
     * @return what follows, if this was the last probe before the step
     */
    default Optional<Finding> probed(double loss) {
        throw new IllegalStateException("a policy that wants no probes");
    }

    /**
     * Takes in a step that was made.
     *
     * @param step finished steps, this one included
     * @param estimates of it, if they were {@linkplain LearningPlan#estimates planned}
     * @return what the trainee goes on as, with an optimizer that begins anew; empty if it goes on as it is
     */
    default Optional<UnaryOperator<Adapter>> stepped(int step, SortedMap<Site, Estimate> estimates) {
        return Optional.empty();
    }

    /**
     * What the trainee does while it is measured, as it will be served.
     *
     * @param step finished steps
     */
    default LearningPlan measuring(int step) {
        return LearningPlan.EVERYTHING;
    }

    /**
     * What is served of an adapter; empty if that is all of it.
     *
     * @param trained as it learns
     * @param step finished steps
     */
    default Optional<Adapter> pruned(Adapter trained, int step) {
        return Optional.empty();
    }

    /** All that it remembers besides the job. */
    default LearningState state() {
        return LearningState.NONE;
    }

    /**
     * A measurement with the trainee as it is, but for some layers.
     *
     * @param plan which do less, or are skipped
     * @param examples of the job by number
     */
    record Probe(LearningPlan plan, List<Integer> examples) {
        public Probe {
            examples = List.copyOf(examples);
        }
    }

    /**
     * What probes have found.
     *
     * @param importance of each layer, without unit
     * @param losses of the probes
     */
    record Finding(List<Double> importance, List<Double> losses) {
        public Finding {
            importance = List.copyOf(importance);
            losses = List.copyOf(losses);
        }
    }
}
