package io.tandem.kernels.adapter.learning;

import java.util.Collections;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What a trainee is to do until it is told otherwise.
 *
 * @param layers whose parameters learn, at least one; empty if all do
 * @param suppressed layers that change {@link #SUPPRESSED} of what they otherwise do
 */
public record LearningPlan(Optional<SortedSet<Integer>> layers, SortedSet<Integer> suppressed) {
    /** What is left of a suppressed layer's change. */
    public static final double SUPPRESSED = 0.25;

    public static final LearningPlan EVERYTHING = new LearningPlan(Optional.empty(), Collections.emptySortedSet());

    public LearningPlan {
        layers = layers.map(LearningPlan::copy);
        suppressed = copy(suppressed);
        if (layers.filter(SortedSet::isEmpty).isPresent()) {
            throw new IllegalArgumentException("no layer learns");
        }
    }

    private static SortedSet<Integer> copy(SortedSet<Integer> layers) {
        return Collections.unmodifiableSortedSet(new TreeSet<>(layers));
    }

    /** Only these layers learn. */
    public static LearningPlan only(SortedSet<Integer> layers) {
        return new LearningPlan(Optional.of(layers), Collections.emptySortedSet());
    }

    /** These layers do less; nothing is meant to learn. */
    public static LearningPlan suppressing(SortedSet<Integer> layers) {
        return new LearningPlan(Optional.empty(), layers);
    }

    /** Whether the layer's parameters learn. */
    public boolean learns(int layer) {
        return layers.map(some -> some.contains(layer)).orElse(true);
    }
}
