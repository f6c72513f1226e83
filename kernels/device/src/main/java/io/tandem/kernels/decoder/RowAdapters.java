package io.tandem.kernels.decoder;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Which adapters the rows of a call use, as {@code row_adapters.py} wants them.
 *
 * @param runs of neighbouring rows with the same adapters: two numbers for each of their adapters, the first row and the end
 * @param runSlots those adapters
 * @param pack slots of the adapters that other rows are paired with
 * @param pairs the rows, then the places of their pairs
 * @param places of pairs, as many for each adapter of the pack
 * @param inOrder whether the pairs are the first rows, in their order, each with a place of its own
 * @param masked whether rows find their adapters in the pack by masks instead
 */
record RowAdapters(
        long[] runs, long[] runSlots, long[] pack, long[] pairs, int places, boolean inOrder, boolean masked) {
    /** Fewer rows have no products of their own. */
    private static final int LEAST_RUN = 8;

    /** All of a pack have the most ranks of any, so one with so many times the usual ranks has products of its own. */
    private static final int MANY_TIMES = 2;

    /**
     * @param slots of each row
     * @param ranks of the adapter in a slot; 0 if it has no factors, and nothing is to be multiplied
     * @param masked whether which rows a linear has is not known beforehand, because a router chooses them
     * @param rounded whether the pack has one of few lengths, for products that are compiled for each
     */
    static RowAdapters of(int[][] slots, IntUnaryOperator ranks, boolean masked, boolean rounded) {
        if (masked) {
            long[] all = Arrays.stream(slots)
                    .flatMapToInt(Arrays::stream)
                    .distinct()
                    .filter(slot -> ranks.applyAsInt(slot) > 0)
                    .asLongStream()
                    .toArray();
            return new RowAdapters(new long[0], new long[0], all, new long[0], 0, false, all.length > 0);
        }
        List<Long> runs = new ArrayList<>();
        List<Long> runSlots = new ArrayList<>();
        // Of each adapter of the pack, the rows.
        Map<Integer, List<Integer>> paired = new LinkedHashMap<>();
        for (int first = 0; first < slots.length; ) {
            int end = first + 1;
            while (end < slots.length && Arrays.equals(slots[end], slots[first])) {
                end++;
            }
            for (int slot : slots[first]) {
                if (ranks.applyAsInt(slot) == 0) {
                    continue;
                }
                if (end - first >= LEAST_RUN || end - first == slots.length) {
                    runs.addAll(List.of((long) first, (long) end));
                    runSlots.add((long) slot);
                } else {
                    for (int row = first; row < end; row++) {
                        paired.computeIfAbsent(slot, unused -> new ArrayList<>())
                                .add(row);
                    }
                }
            }
            first = end;
        }
        int usual = usualRank(paired, ranks);
        paired.entrySet().removeIf(own -> {
            boolean wide = ranks.applyAsInt(own.getKey()) > MANY_TIMES * usual;
            for (int row : wide ? own.getValue() : List.<Integer>of()) {
                runs.addAll(List.of((long) row, row + 1L));
                runSlots.add((long) own.getKey());
            }
            return wide;
        });
        return paired(numbers(runs), numbers(runSlots), paired, rounded);
    }

    /** The median. */
    private static int usualRank(Map<Integer, List<Integer>> paired, IntUnaryOperator ranks) {
        int[] sorted =
                paired.keySet().stream().mapToInt(ranks::applyAsInt).sorted().toArray();
        return sorted.length == 0 ? 0 : sorted[(sorted.length - 1) / 2];
    }

    private static RowAdapters paired(
            long[] runs, long[] runSlots, Map<Integer, List<Integer>> paired, boolean rounded) {
        int most = paired.values().stream().mapToInt(List::size).max().orElse(0);
        List<Long> pack = new ArrayList<>();
        List<Long> rows = new ArrayList<>();
        List<Long> places = new ArrayList<>();
        paired.forEach((slot, own) -> {
            for (int i = 0; i < own.size(); i++) {
                rows.add((long) own.get(i));
                places.add((long) pack.size() * most + i);
            }
            pack.add((long) slot);
        });
        // Whatever stands in further places, no row gets it.
        for (int length = rounded ? roundUp(pack.size()) : pack.size(); pack.size() < length; ) {
            pack.add(pack.get(0));
        }
        boolean inOrder = most == 1
                && pack.size() == rows.size()
                && IntStream.range(0, rows.size()).allMatch(i -> rows.get(i) == i);
        List<Long> pairs = Stream.concat(rows.stream(), places.stream()).toList();
        return new RowAdapters(runs, runSlots, numbers(pack), numbers(pairs), pack.size() * most, inOrder, false);
    }

    /** To three significant bits. */
    private static int roundUp(int length) {
        int step = Math.max(1, Integer.highestOneBit(Math.max(1, length - 1)) / 4);
        return (length + step - 1) / step * step;
    }

    private static long[] numbers(List<Long> numbers) {
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }
}
