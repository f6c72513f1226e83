package io.tandem.kernels.decoder;

import io.tandem.kernels.adapter.FullModule;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** What the adapters in the device's slots have in full, and the room that they share for it. */
final class FullSlots {
    private final List<Set<FullModule>> modules;
    private final int room;

    /** Slots whose adapter has that in memory of {@code kernels.full-modules}, and not in a trainee's own. */
    private final BitSet lent = new BitSet();

    private boolean any;

    /** @param room how many modules may be lent together */
    FullSlots(int slots, int room) {
        this.modules = new ArrayList<>(Collections.nCopies(slots, Set.of()));
        this.room = room;
    }

    /** What {@code full.py} calls it. */
    static long code(FullModule module) {
        return module == FullModule.LM_HEAD ? 1 : 0;
    }

    /**
     * So many are put into a slot.
     *
     * @throws IllegalStateException if there is no room for them
     */
    void lend(int slot, int count) {
        int others = IntStream.range(0, modules.size())
                .filter(other -> other != slot && lent.get(other))
                .map(other -> modules.get(other).size())
                .sum();
        if (others + count > room) {
            throw new IllegalStateException(
                    "adapters with " + (others + count) + " modules in full, and room for " + room);
        }
        lent.set(slot, count > 0);
    }

    /** The slot's adapter has these. */
    void occupy(int slot, Set<FullModule> own) {
        modules.set(slot, Set.copyOf(own));
        any = modules.stream().anyMatch(some -> !some.isEmpty());
    }

    /** The slot has none, and others may have its room. */
    void release(int slot) {
        occupy(slot, Set.of());
        lent.clear(slot);
    }

    /** Whether a slot has one. */
    boolean any() {
        return any;
    }

    /** Whether this slot has one. */
    boolean any(int slot) {
        return !modules.get(slot).isEmpty();
    }

    /**
     * Which of these slots has the module in full; -1 if none.
     *
     * @throws IllegalArgumentException if more than one has
     */
    int of(FullModule module, int[] slots) {
        int found = -1;
        for (int slot : slots) {
            if (modules.get(slot).contains(module)) {
                if (found >= 0) {
                    throw new IllegalArgumentException("rows use " + module.label() + " of two adapters");
                }
                found = slot;
            }
        }
        return found;
    }
}
