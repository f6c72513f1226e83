package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The rows of a training pack: which token, label and position each has, and where the sequences lie. Sequences of one
 * lane lie next to each other.
 */
final class PackRows {
    static final PackRows EMPTY =
            new PackRows(IterationInputs.BASE, 0, new TrainingPack(List.of(), Purpose.MEASURE), 1);

    /** With more than this times its share of the rows, a lane would be alone for too long. */
    private static final double WORST_BALANCE = 1.25;

    private final int[] adapterSlots;
    private final int before;
    private final Purpose purpose;
    private final int sequences;
    private final int[] tokens;
    private final int[] labels;
    private final int[] starts;
    private final int[] sequence;
    /** Of each row, those of the adapters that act on it. */
    private final int[][] acting;
    /** Where each lane's rows begin, and the end of the last one's. */
    private final int[] laneFrom;
    /** For each lane its rows that the trainee acts on, if there is one, in ascending order. */
    private final List<int[]> learning = new ArrayList<>();

    /**
     * @param before positions before each sequence's first row
     * @param lanes how many there are if the sequences can be shared out evenly, otherwise there is one
     */
    PackRows(int[] adapterSlots, int before, TrainingPack pack, int lanes) {
        this.adapterSlots = adapterSlots;
        this.before = before;
        this.purpose = pack.purpose();
        this.sequences = pack.sequences().size();
        int rows = pack.rows();
        tokens = new int[rows];
        labels = new int[rows];
        starts = new int[rows];
        sequence = new int[rows];
        acting = new int[rows][];
        List<List<Integer>> groups = groups(pack, lanes);
        laneFrom = new int[groups.size() + 1];
        int at = 0;
        for (int lane = 0; lane < groups.size(); lane++) {
            for (int index : groups.get(lane)) {
                TrainingPack.Sequence next = pack.sequences().get(index);
                int length = next.tokens().length;
                System.arraycopy(next.tokens(), 0, tokens, at, length);
                System.arraycopy(next.labels(), 0, labels, at, length);
                Arrays.fill(starts, at, at + length, at);
                Arrays.fill(sequence, at, at + length, index);
                act(next.actsFrom(), at, length);
                at += length;
            }
            laneFrom[lane + 1] = at;
            learning.add(IntStream.range(laneFrom[lane], at)
                    .filter(row -> !learns() || uses(acting[row], traineeSlot()))
                    .toArray());
        }
    }

    private void act(int[] actsFrom, int first, int length) {
        Arrays.fill(acting, first, first + length, adapterSlots);
        for (int i = 0; i < (Arrays.stream(actsFrom).allMatch(from -> from == 0) ? 0 : length); i++) {
            int position = i;
            acting[first + i] = IntStream.range(0, adapterSlots.length)
                    .filter(adapter -> actsFrom[adapter] <= position)
                    .map(adapter -> adapterSlots[adapter])
                    .toArray();
        }
    }

    /** Sequences of each lane by index: the longest first, each to the lane with the fewest rows. */
    private static List<List<Integer>> groups(TrainingPack pack, int lanes) {
        List<Integer> indices =
                IntStream.range(0, pack.sequences().size()).boxed().toList();
        List<List<Integer>> groups = new ArrayList<>();
        for (int lane = 0; lane < lanes; lane++) {
            groups.add(new ArrayList<>());
        }
        int[] rows = new int[lanes];
        List<Integer> longestFirst = indices.stream()
                .sorted(Comparator.comparingInt(index -> -length(pack, index)))
                .toList();
        for (int index : longestFirst) {
            int lane = IntStream.range(0, lanes)
                    .boxed()
                    .min(Comparator.comparingInt(candidate -> rows[candidate]))
                    .orElseThrow();
            groups.get(lane).add(index);
            rows[lane] += length(pack, index);
        }
        int most = Arrays.stream(rows).max().orElseThrow();
        boolean even = most * (long) lanes <= WORST_BALANCE * pack.rows();
        return even ? groups : List.of(indices);
    }

    private static int length(TrainingPack pack, int sequence) {
        return pack.sequences().get(sequence).tokens().length;
    }

    int lanes() {
        return laneFrom.length - 1;
    }

    int laneFrom(int lane) {
        return laneFrom[lane];
    }

    int laneRows(int lane) {
        return laneFrom[lane + 1] - laneFrom[lane];
    }

    /** Rows of a lane that go backward. */
    int learningRows(int lane) {
        return learning.get(lane).length;
    }

    /** All of the pack's. */
    int[] adapterSlots() {
        return adapterSlots;
    }

    /** Those that act on a row. */
    int[] adapterSlots(int row) {
        return acting[row];
    }

    boolean learns() {
        return purpose == Purpose.LEARN;
    }

    boolean uses(int slot) {
        return uses(adapterSlots, slot);
    }

    private static boolean uses(int[] slots, int slot) {
        return Arrays.stream(slots).anyMatch(used -> used == slot);
    }

    /** Slot of the adapter that learns. */
    int traineeSlot() {
        return adapterSlots[adapterSlots.length - 1];
    }

    int sequences() {
        return sequences;
    }

    /** Index of the sequence that the row belongs to. */
    int sequence(int row) {
        return sequence[row];
    }

    int rows() {
        return tokens.length;
    }

    int token(int row) {
        return tokens[row];
    }

    int label(int row) {
        return labels[row];
    }

    int position(int row) {
        return before + row - starts[row];
    }

    /**
     * The lane's learning rows from one to another, in their own numbers, as ranges of rows that lie together: the last
     * first.
     */
    List<int[]> learning(int lane, int from, int to) {
        List<int[]> ranges = new ArrayList<>();
        int[] rows = learning.get(lane);
        int end = to;
        while (end > from) {
            int start = end - 1;
            while (start > from && rows[start - 1] == rows[start] - 1) {
                start--;
            }
            ranges.add(new int[] {rows[start], rows[end - 1] + 1});
            end = start;
        }
        return ranges;
    }

    /** For each sequence with rows in {@code [from, to)}: where it starts, its first row there, its last row's end. */
    List<long[]> windows(int from, int to) {
        List<long[]> windows = new ArrayList<>();
        int row = from;
        while (row < to) {
            int end = row + 1;
            while (end < to && starts[end] == starts[row]) {
                end++;
            }
            windows.add(new long[] {starts[row], row, end});
            row = end;
        }
        return windows;
    }
}
