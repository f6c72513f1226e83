package io.tandem.kernels.decoder;

import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.adapter.Adapter;
import java.util.Arrays;
import java.util.stream.IntStream;

/** How many single weights the adapters in the device's slots have. */
final class SingleWeightSlots {
    private final AdapterLayout layout;

    /** Of each slot in each bank. */
    private final long[][] counts;

    SingleWeightSlots(AdapterLayout layout, int slots) {
        this.layout = layout;
        this.counts = new long[slots][layout.banks()];
    }

    /** The slot has this adapter now. */
    void occupy(int slot, Adapter adapter) {
        release(slot);
        layout.singleWeights(adapter)
                .forEach(part -> counts[slot][part.bank()] += part.change().numbers());
    }

    /** The slot has none. */
    void release(int slot) {
        counts[slot] = new long[layout.banks()];
    }

    private boolean has(int slot) {
        return Arrays.stream(counts[slot]).anyMatch(count -> count > 0);
    }

    /** Those of the rows whose adapters have some. */
    long[] rows(int[][] rowSlots) {
        return IntStream.range(0, rowSlots.length)
                .filter(row -> Arrays.stream(rowSlots[row]).anyMatch(this::has))
                .asLongStream()
                .toArray();
    }

    /** @param active slots that rows use now, whose numbers are joined */
    MemoryPlan memory(long[] active) {
        long held = Arrays.stream(counts).flatMapToLong(Arrays::stream).sum();
        int[] joined = Arrays.stream(active)
                .mapToInt(slot -> (int) slot)
                .filter(this::has)
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
