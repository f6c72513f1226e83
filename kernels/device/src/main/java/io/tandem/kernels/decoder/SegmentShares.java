package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Which lane runs which segments of an iteration, as lists of their places in it. */
final class SegmentShares {
    /** With more than this times its share, a lane makes the others wait for too long. */
    private static final double WORST_BALANCE = 1.5;

    private SegmentShares() {}

    /** The largest first, and neighbouring KV slots to the same lane, because they share operations. */
    static List<List<Integer>> of(List<Segment> segments, int lanes) {
        List<Integer> order = all(segments).stream()
                .sorted(Comparator.comparingInt(
                                (Integer place) -> -segments.get(place).tokens().length)
                        .thenComparing(place -> segments.get(place).kvSlot()))
                .toList();
        int[] missing = new int[lanes];
        Arrays.fill(missing, (rows(segments, order) + lanes - 1) / lanes);
        List<List<Integer>> shares = new ArrayList<>();
        IntStream.range(0, lanes).forEach(lane -> shares.add(new ArrayList<>()));
        for (int place : order) {
            int rows = segments.get(place).tokens().length;
            int lane = 0;
            for (int other = 1; other < lanes; other++) {
                boolean better = rows > 1 ? missing[other] > missing[lane] : missing[lane] <= 0;
                lane = better ? other : lane;
            }
            shares.get(lane).add(place);
            missing[lane] -= rows;
        }
        return shares;
    }

    static List<Integer> all(List<Segment> segments) {
        return IntStream.range(0, segments.size()).boxed().toList();
    }

    static List<Segment> pick(List<Segment> segments, List<Integer> places) {
        return places.stream().map(segments::get).toList();
    }

    static int rows(List<Segment> segments, List<Integer> places) {
        return places.stream()
                .mapToInt(place -> segments.get(place).tokens().length)
                .sum();
    }

    /** Whether lanes with so much to do are worth running at once. */
    static boolean isEven(double[] loads) {
        double heaviest = Arrays.stream(loads).max().orElseThrow();
        return heaviest * loads.length <= WORST_BALANCE * Arrays.stream(loads).sum();
    }
}
