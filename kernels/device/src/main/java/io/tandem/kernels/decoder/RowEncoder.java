package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.device.Assumed;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Lays the rows of one iteration out as {@code batch.py} wants them: decode rows by KV slot, then prefill chunks, then
 * the fine-tuning window.
 */
final class RowEncoder {
    static final int WINDOW = -1;

    /** Most decode rows of a group; one operation more for so many costs nothing. */
    private static final int MOST_GROUPED = 256;

    final List<long[]> groups = new ArrayList<>();
    final List<long[]> chunks = new ArrayList<>();
    /** Those of the vocabulary; 0 in the place of virtual ones. */
    final long[] tokens;

    final long[] positions;
    /** Rows with a virtual token, and which one it is. */
    private final List<int[]> virtual = new ArrayList<>();
    /** Of each row. */
    final int[][] adapterSlots;

    /** Index of each row's segment; {@link #WINDOW} of those of the window. */
    final int[] owners;

    final long[] cacheRows;
    private final long[] decodeSlots;
    final long[] decodeContexts;
    /** Of each decode row, where it sits among all slots that the groups span. */
    final long[] decodePlaces;

    final int inferenceRows;
    final int windowFrom;
    /** Row of each segment's last token, by the segment's index in the inputs. */
    final int[] lastRows;

    private final List<Segment> segments;
    private final int capacity;
    private int row;

    RowEncoder(List<Segment> segments, PackWindows windows, PackRows pack, int capacity) {
        this.segments = segments;
        this.capacity = capacity;
        inferenceRows = segments.stream().mapToInt(s -> s.tokens().length).sum();
        windowFrom = windows.from();
        int rows = inferenceRows + windows.to() - windows.from();
        tokens = new long[rows];
        positions = new long[rows];
        adapterSlots = new int[rows][];
        owners = new int[rows];
        Arrays.fill(owners, WINDOW);
        cacheRows = new long[rows];
        lastRows = new int[segments.size()];

        int[] decodes = IntStream.range(0, segments.size())
                .filter(i -> segments.get(i).tokens().length == 1)
                .boxed()
                .sorted(Comparator.comparingInt(i -> segments.get(i).kvSlot()))
                .mapToInt(i -> i)
                .toArray();
        decodeSlots = new long[decodes.length];
        decodeContexts = new long[decodes.length];
        decodePlaces = new long[decodes.length];
        for (int index : decodes) {
            Segment segment = segments.get(index);
            decodeSlots[row] = segment.kvSlot();
            decodeContexts[row] = segment.start() + 1L;
            put(segment, index);
        }
        group();
        for (int index = 0; index < segments.size(); index++) {
            Segment segment = segments.get(index);
            if (segment.tokens().length > 1) {
                chunks.add(new long[] {row, segment.tokens().length, segment.kvSlot(), segment.start()});
                put(segment, index);
            }
        }
        put(windows, pack);
    }

    private void put(Segment segment, int index) {
        for (int i = 0; i < segment.tokens().length; i++, row++) {
            owners[row] = index;
            int position = segment.start() + i;
            put(segment.tokens()[i]);
            positions[row] = position;
            adapterSlots[row] = segment.adapterSlots();
            cacheRows[row] = (long) segment.kvSlot() * capacity + position;
        }
        lastRows[index] = row - 1;
    }

    /** Row of the first token of a segment. */
    int firstRow(int segment) {
        return lastRows[segment] + 1 - segments.get(segment).tokens().length;
    }

    private void put(int token) {
        tokens[row] = Math.max(token, 0);
        if (token < 0) {
            virtual.add(new int[] {row, Prefix.index(token)});
        }
    }

    /**
     * Rows with a virtual token, then which one that is, counted over the slots of adapters.
     *
     * @param most virtual tokens of a slot
     * @throws IllegalArgumentException if a row's adapters have no such token
     */
    long[] virtual(AdapterSlots adapters, int most) {
        long[] numbers = new long[2 * virtual.size()];
        for (int i = 0; i < virtual.size(); i++) {
            int at = virtual.get(i)[0];
            int index = virtual.get(i)[1];
            AdapterSlots.Virtual own = adapters.virtual(adapterSlots[at]);
            if (!own.run() || index >= own.tokens()) {
                throw new IllegalArgumentException(
                        "virtual token " + index + " of a row whose adapters have " + own.tokens());
            }
            numbers[i] = at;
            numbers[virtual.size() + i] = (long) own.slot() * most + index;
        }
        return numbers;
    }

    private void put(PackWindows windows, PackRows pack) {
        for (int at = windows.from(); at < windows.to(); at++, row++) {
            put(pack.token(at));
            positions[row] = pack.position(at);
            adapterSlots[row] = pack.adapterSlots(at);
        }
    }

    /**
     * Decode rows of neighbouring slots share one attention operation, which reads as many keys for each of the slots, and
     * for unused ones between them, as its longest context has. Finds the groups with the least to read in all.
     */
    private void group() {
        int rows = decodeSlots.length;
        long[] least = new long[rows + 1];
        int[] first = new int[rows + 1];
        for (int end = 1; end <= rows; end++) {
            least[end] = Long.MAX_VALUE;
            long longest = 0;
            for (int from = end - 1; from >= Math.max(0, end - MOST_GROUPED); from--) {
                longest = Math.max(longest, decodeContexts[from]);
                long keys = least[from] + Assumed.KEYS_PER_OPERATION + span(from, end) * longest;
                if (keys < least[end]) {
                    least[end] = keys;
                    first[end] = from;
                }
            }
        }
        for (int end = rows; end > 0; end = first[end]) {
            int from = first[end];
            long longest = Arrays.stream(decodeContexts, from, end).max().orElseThrow();
            groups.add(0, new long[] {decodeSlots[from], span(from, end), longest});
        }
        int at = 0;
        long spanned = 0;
        for (long[] group : groups) {
            for (long end = group[0] + group[1]; at < rows && decodeSlots[at] < end; at++) {
                decodePlaces[at] = spanned + decodeSlots[at] - group[0];
            }
            spanned += group[1];
        }
    }

    private long span(int from, int end) {
        return decodeSlots[end - 1] - decodeSlots[from] + 1;
    }

    /** First row and end of each range of rows whose layers' inputs are wanted. */
    long[] observed() {
        return IntStream.range(0, segments.size())
                .filter(i -> segments.get(i).observed() > 0)
                .flatMap(i -> IntStream.of(lastRows[i] + 1 - segments.get(i).observed(), lastRows[i] + 1))
                .asLongStream()
                .toArray();
    }

    /** Adapter slots, as many numbers for each row as the deepest row has, -1 where another has fewer; row-minor. */
    long[] stacks() {
        int depth = Arrays.stream(adapterSlots)
                .mapToInt(slots -> slots.length)
                .max()
                .orElse(0);
        long[] stacks = new long[depth * adapterSlots.length];
        Arrays.fill(stacks, -1);
        for (int at = 0; at < adapterSlots.length; at++) {
            for (int level = 0; level < adapterSlots[at].length; level++) {
                stacks[level * adapterSlots.length + at] = adapterSlots[at][level];
            }
        }
        return stacks;
    }

    /** Rows of the window with a label, those whose gradient is wanted first, then the labels. */
    static long[] learned(PackWindows windows, PackRows pack) {
        int[] rows = IntStream.concat(labelled(windows, pack, true), labelled(windows, pack, false))
                .toArray();
        long[] learned = new long[2 * rows.length];
        for (int i = 0; i < rows.length; i++) {
            learned[i] = rows[i];
            learned[rows.length + i] = pack.label(rows[i]);
        }
        return learned;
    }

    /** How many of those are the first. */
    static int learning(PackWindows windows, PackRows pack) {
        return (int) labelled(windows, pack, true).count();
    }

    private static IntStream labelled(PackWindows windows, PackRows pack, boolean learns) {
        return IntStream.range(windows.from(), windows.to())
                .filter(at -> pack.label(at) != TrainingPack.IGNORED && pack.learns(at) == learns);
    }

    static long[] flatten(List<long[]> groups) {
        return groups.stream().flatMapToLong(Arrays::stream).toArray();
    }
}
