package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.TrainingPack;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The rows of the packs in the training arena: which token, label and position each has, and where the sequences lie.
 * Sequences of one lane lie next to each other, in it those of one pack, and those that learn before others, so that rows
 * of different packs go back together.
 */
final class PackRows {
    static final PackRows EMPTY = new PackRows(List.of(), 1);

    /** With more than this times its share of the rows, a lane would be alone for too long. */
    private static final double WORST_BALANCE = 1.25;

    private final List<LaidPack> packs;
    private final int[] tokens;
    private final int[] labels;
    private final int[] starts;
    private final int[] sequence;
    private final int[] packOf;
    /** Of each row, the slots of the adapters that act on it. */
    private final int[][] acting;
    /** Where each lane's rows begin, and the end of the last one's. */
    private final int[] laneFrom;
    /** For each lane its rows that a trainee acts on, in ascending order; of packs that only measure none. */
    private final List<int[]> learning;

    /** @param number among those of all packs */
    private record Numbered(int number, int pack, TrainingPack.Sequence sequence) {
        int length() {
            return sequence.tokens().length;
        }
    }

    /** @param lanes how many there are if the sequences can be shared out evenly, otherwise there is one */
    PackRows(List<LaidPack> packs, int lanes) {
        this.packs = List.copyOf(packs);
        List<Numbered> all = new ArrayList<>();
        for (int pack = 0; pack < packs.size(); pack++) {
            for (TrainingPack.Sequence next : packs.get(pack).pack().sequences()) {
                all.add(new Numbered(all.size(), pack, next));
            }
        }
        int rows = all.stream().mapToInt(Numbered::length).sum();
        tokens = new int[rows];
        labels = new int[rows];
        starts = new int[rows];
        sequence = new int[rows];
        packOf = new int[rows];
        acting = new int[rows][];
        List<List<Numbered>> groups = groups(all, lanes);
        laneFrom = new int[groups.size() + 1];
        int at = 0;
        for (int lane = 0; lane < groups.size(); lane++) {
            List<Numbered> together = groups.get(lane).stream()
                    .sorted(Comparator.comparing(
                                    (Numbered own) -> !packs.get(own.pack()).learns())
                            .thenComparing(Numbered::pack))
                    .toList();
            for (Numbered next : together) {
                put(next, at);
                at += next.length();
            }
            laneFrom[lane + 1] = at;
        }
        learning = learning();
    }

    private PackRows(PackRows other, List<LaidPack> packs) {
        this.packs = packs;
        tokens = other.tokens;
        labels = other.labels;
        starts = other.starts;
        sequence = other.sequence;
        packOf = other.packOf;
        acting = other.acting;
        laneFrom = other.laneFrom;
        learning = learning();
    }

    private void put(Numbered next, int at) {
        int length = next.length();
        System.arraycopy(next.sequence().tokens(), 0, tokens, at, length);
        System.arraycopy(next.sequence().labels(), 0, labels, at, length);
        Arrays.fill(starts, at, at + length, at);
        Arrays.fill(sequence, at, at + length, next.number());
        Arrays.fill(packOf, at, at + length, next.pack());
        act(packs.get(next.pack()).adapterSlots(), next.sequence().actsFrom(), at, length);
    }

    private void act(int[] slots, int[] actsFrom, int first, int length) {
        Arrays.fill(acting, first, first + length, slots);
        for (int i = 0; i < (Arrays.stream(actsFrom).allMatch(from -> from == 0) ? 0 : length); i++) {
            int position = i;
            acting[first + i] = IntStream.range(0, slots.length)
                    .filter(adapter -> actsFrom[adapter] <= position)
                    .map(adapter -> slots[adapter])
                    .toArray();
        }
    }

    /** Sequences of each lane: the longest first, each to the lane with the fewest rows. */
    private static List<List<Numbered>> groups(List<Numbered> all, int lanes) {
        List<List<Numbered>> groups = new ArrayList<>();
        for (int lane = 0; lane < lanes; lane++) {
            groups.add(new ArrayList<>());
        }
        int[] rows = new int[lanes];
        List<Numbered> longestFirst = all.stream()
                .sorted(Comparator.comparingInt(own -> -own.length()))
                .toList();
        for (Numbered next : longestFirst) {
            int lane = IntStream.range(0, lanes)
                    .boxed()
                    .min(Comparator.comparingInt(candidate -> rows[candidate]))
                    .orElseThrow();
            groups.get(lane).add(next);
            rows[lane] += next.length();
        }
        int most = Arrays.stream(rows).max().orElseThrow();
        boolean even =
                most * (long) lanes <= WORST_BALANCE * Arrays.stream(rows).sum();
        return even ? groups : List.of(all);
    }

    private List<int[]> learning() {
        return IntStream.range(0, lanes())
                .mapToObj(lane -> IntStream.range(laneFrom[lane], laneFrom[lane + 1])
                        .filter(row -> pack(row).learns()
                                && LaidPack.uses(acting[row], pack(row).traineeSlot()))
                        .toArray())
                .toList();
    }

    /** The same, but that nothing becomes of a pack's rows: those that still go forward do so without adapters. */
    PackRows drop(int number) {
        List<LaidPack> rest = new ArrayList<>(packs);
        rest.set(number, packs.get(number).drop());
        return new PackRows(this, List.copyOf(rest));
    }

    List<LaidPack> packs() {
        return packs;
    }

    private LaidPack pack(int row) {
        return packs.get(packOf[row]);
    }

    /** Which of the packs a row belongs to. */
    int packOf(int row) {
        return packOf[row];
    }

    /**
     * The pack of a window's rows. One that has modules in full, learns over weights of its own or skips layers lies alone, so
     * the first row speaks for all. Empty if there are no rows, or nothing becomes of them.
     */
    Optional<LaidPack> packOf(PackWindows windows) {
        return windows.from() == windows.to()
                ? Optional.empty()
                : Optional.of(pack(windows.from())).filter(own -> !own.dropped());
    }

    int lanes() {
        return laneFrom.length - 1;
    }

    int laneFrom(int lane) {
        return laneFrom[lane];
    }

    int laneTo(int lane) {
        return laneFrom[lane + 1];
    }

    int laneRows(int lane) {
        return laneFrom[lane + 1] - laneFrom[lane];
    }

    /** A lane's rows in front of another that go back through a layer, in ascending order. */
    int[] learning(int lane, int layer, int end) {
        return Arrays.stream(learning.get(lane))
                .filter(row -> row < end && pack(row).goesBack(layer))
                .toArray();
    }

    /** A lane's rows of one of the packs that go back. */
    IntStream learning(int lane, int number) {
        return Arrays.stream(learning.get(lane)).filter(row -> packOf[row] == number);
    }

    /** Whether any of the rows go back. */
    boolean learns() {
        return packs.stream().anyMatch(LaidPack::learns);
    }

    /** Whether a row's gradient is wanted. */
    boolean learns(int row) {
        return pack(row).learns();
    }

    /** Slots of the adapters that act on a row. */
    int[] adapterSlots(int row) {
        return pack(row).dropped() ? IterationInputs.BASE : acting[row];
    }

    int sequences() {
        return firstSequence(packs.size());
    }

    /** Number of a pack's first sequence, among those of all packs. */
    int firstSequence(int number) {
        return packs.stream()
                .limit(number)
                .mapToInt(own -> own.pack().sequences().size())
                .sum();
    }

    /** Number of the sequence that the row belongs to, among those of all packs. */
    int sequence(int row) {
        return sequence[row];
    }

    /**
     * For each row what its gradient is multiplied with.
     *
     * @param factors one for each sequence of one of the packs; other packs' stay as they are
     */
    float[] factors(int number, double[] factors) {
        int own = packs.get(number).pack().sequences().size();
        if (factors.length != own) {
            throw new IllegalArgumentException(factors.length + " factors for " + own + " sequences");
        }
        int first = firstSequence(number);
        float[] rows = new float[rows()];
        for (int row = 0; row < rows.length; row++) {
            rows[row] = packOf[row] == number ? (float) factors[sequence[row] - first] : 1;
        }
        return rows;
    }

    int rows() {
        return tokens.length;
    }

    /** Of one of the packs. */
    int rows(int number) {
        return packs.get(number).pack().rows();
    }

    int token(int row) {
        return pack(row).dropped() ? Math.max(0, tokens[row]) : tokens[row];
    }

    int label(int row) {
        return pack(row).dropped() ? TrainingPack.IGNORED : labels[row];
    }

    int position(int row) {
        return pack(row).virtual().written() + row - starts[row];
    }

    /** Rows that lie together, of these in ascending order, as ranges: the last first. */
    static List<int[]> ranges(int[] rows) {
        List<int[]> ranges = new ArrayList<>();
        int end = rows.length;
        while (end > 0) {
            int start = end - 1;
            while (start > 0 && rows[start - 1] == rows[start] - 1) {
                start--;
            }
            ranges.add(new int[] {rows[start], rows[end - 1] + 1});
            end = start;
        }
        return ranges;
    }

    /**
     * For each sequence with rows in {@code [from, to)}: where it starts, its first row there, its last row's end, and the
     * adapter slot of the keys and values before it, with how many tokens have some.
     */
    List<long[]> windows(int from, int to) {
        List<long[]> windows = new ArrayList<>();
        int row = from;
        while (row < to) {
            int end = row + 1;
            while (end < to && starts[end] == starts[row]) {
                end++;
            }
            AdapterSlots.Virtual virtual = pack(row).virtual();
            int written = pack(row).dropped() ? 0 : virtual.written();
            windows.add(new long[] {starts[row], row, end, virtual.slot(), written});
            row = end;
        }
        return windows;
    }
}
