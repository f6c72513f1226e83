package io.tandem.kernels.adapter.learning;

import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a {@link LearningRun} remembers, to be stored with a checkpoint.
 *
 * @param numbers by name
 */
public record LearningState(SortedMap<String, List<Double>> numbers) {
    public static final LearningState NONE = new LearningState(Collections.emptySortedMap());

    public LearningState {
        SortedMap<String, List<Double>> copy = new TreeMap<>();
        numbers.forEach((name, values) -> copy.put(name, List.copyOf(values)));
        numbers = Collections.unmodifiableSortedMap(copy);
    }

    /**
     * The numbers of a name.
     *
     * @throws IllegalArgumentException if there are not so many
     */
    List<Double> numbers(String name, int count) {
        List<Double> values = numbers.getOrDefault(name, List.of());
        if (values.size() != count) {
            throw new IllegalArgumentException("the checkpoint's '" + name + "' has " + values.size()
                    + " numbers, expected " + count + ", so it is not one of this job");
        }
        return values;
    }
}
