package io.tandem.kernels.decoder;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.Stream;

/**
 * How the rows of a call find adapters that act on linears and blocks, as {@code row_adapters.py} wants it.
 *
 * @param runs of neighbouring rows with the same adapters, one for each of these
 * @param gathered rows of an adapter that lie apart, but are so many that they are multiplied together
 * @param pairs of all other rows with their adapters, in the order of the rows
 */
record RowAdapters(List<Run> runs, List<Gathered> gathered, List<Pair> pairs) {
    /** Fewer rows have no products of their own. */
    private static final int LEAST_RUN = 8;

    /** @param end the row behind the last one */
    record Run(int slot, int first, int end) {}

    record Gathered(int slot, List<Integer> rows) {}

    record Pair(int row, int slot) {}

    /** Of all of them, each once. */
    List<Integer> slots() {
        return Stream.of(
                        runs.stream().map(Run::slot),
                        gathered.stream().map(Gathered::slot),
                        pairs.stream().map(Pair::slot))
                .flatMap(slot -> slot)
                .distinct()
                .toList();
    }

    /**
     * @param slots of each row
     * @param acts whether the adapter in a slot does
     */
    static RowAdapters of(int[][] slots, IntPredicate acts) {
        List<Run> runs = new ArrayList<>();
        List<Pair> apart = new ArrayList<>();
        Map<Integer, List<Integer>> bySlot = new LinkedHashMap<>();
        for (int first = 0; first < slots.length; ) {
            int end = first + 1;
            while (end < slots.length && Arrays.equals(slots[end], slots[first])) {
                end++;
            }
            boolean many = end - first >= LEAST_RUN || end - first == slots.length;
            for (int row = first; row < (many ? first + 1 : end); row++) {
                for (int slot : slots[row]) {
                    if (acts.test(slot) && many) {
                        runs.add(new Run(slot, first, end));
                    } else if (acts.test(slot)) {
                        apart.add(new Pair(row, slot));
                        bySlot.computeIfAbsent(slot, unused -> new ArrayList<>())
                                .add(row);
                    }
                }
            }
            first = end;
        }
        bySlot.values().removeIf(rows -> rows.size() < LEAST_RUN);
        List<Gathered> gathered = bySlot.entrySet().stream()
                .map(own -> new Gathered(own.getKey(), own.getValue()))
                .toList();
        List<Pair> pairs =
                apart.stream().filter(pair -> !bySlot.containsKey(pair.slot())).toList();
        return new RowAdapters(runs, gathered, pairs);
    }
}
