package io.tandem.scheduler.finetune;

import java.util.ArrayList;
import java.util.List;

/**
 * How the losses of a job's training examples fell while it learned.
 *
 * @param losses a list for each time that the examples were examined, with the mean loss of each example's learned tokens, in
 *     nats
 */
public record Trajectories(List<List<Double>> losses) {
    public static final Trajectories NONE = new Trajectories(List.of());

    public Trajectories {
        losses = losses.stream().map(List::copyOf).toList();
    }

    /** How often the examples were examined. */
    public int times() {
        return losses.size();
    }

    /** With one examination more. */
    Trajectories with(List<Double> examination) {
        List<List<Double>> more = new ArrayList<>(losses);
        more.add(examination);
        return new Trajectories(more);
    }

    /**
     * Whether the examples are to be examined after a step: so many times, at equal distances, the last time after the last step.
     *
     * @param step finished steps
     */
    boolean due(int step, int totalSteps, int wanted) {
        int times = Math.min(wanted, totalSteps);
        return times() < times && step >= (int) ((long) totalSteps * (times() + 1) / times);
    }
}
