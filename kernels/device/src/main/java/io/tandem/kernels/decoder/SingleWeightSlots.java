package io.tandem.kernels.decoder;

import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.adapter.Adapter;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;

/** How many single weights the adapters in the device's slots have. */
final class SingleWeightSlots {
    private final AdapterLayout layout;

    /** Of each slot in each bank. */
    private final long[][] counts;

    /** The slots that have some: every iteration asks, and most of the time none has. */
    private final BitSet having = new BitSet();

    SingleWeightSlots(AdapterLayout layout, int slots) {
        this.layout = layout;
        this.counts = new long[slots][layout.banks()];
    }

    /** The slot has this adapter now. */
    void occupy(int slot, Adapter adapter) {
        release(slot);
        layout.singleWeights(adapter)
                .forEach(part -> counts[slot][part.bank()] += part.change().numbers());
        having.set(slot, Arrays.stream(counts[slot]).anyMatch(count -> count > 0));
    }

    /** The slot has none. */
    void release(int slot) {
        counts[slot] = new long[layout.banks()];
        having.clear(slot);
    }

    /** Those of the rows whose adapters have some. */
    long[] rows(int[][] rowSlots) {
        if (having.isEmpty()) {
            return new long[0];
        }
        return IntStream.range(0, rowSlots.length)
                .filter(row -> Arrays.stream(rowSlots[row]).anyMatch(having::get))
                .asLongStream()
                .toArray();
    }

    /** @param active slots that rows use now, whose numbers are joined */
    MemoryPlan memory(long[] active) {
        long held = Arrays.stream(counts).flatMapToLong(Arrays::stream).sum();
        int[] joined = Arrays.stream(active)
                .mapToInt(slot -> (int) slot)
                .filter(having::get)
                .toArray();
        // Joined ones have as much room as any of them needs, and so has one without any.
        long rows = joined.length == 0 ? 0 : joined.length + 1L;
        long used = IntStream.range(0, layout.banks())
                .mapToLong(bank -> rows
                        * Arrays.stream(joined)
                                .mapToLong(slot -> counts[slot][bank])
                                .max()
                                .orElse(0))
                .sum();
        return MemoryPlan.singleWeights(held + used);
    }
}
