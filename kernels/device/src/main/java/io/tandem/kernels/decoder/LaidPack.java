package io.tandem.kernels.decoder;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.decoder.AdapterSlots.Virtual;
import java.util.Arrays;
import java.util.BitSet;

/**
 * A pack in the training arena.
 *
 * @param adapterSlots of its rows; if it learns, the trainee's is the last
 * @param virtual the adapter with virtual tokens among those, if one has some
 * @param skipped layers that its rows do not go through
 * @param lowest layer that its rows go back through
 * @param dropped whether nothing becomes of its rows any more
 */
record LaidPack(int[] adapterSlots, Virtual virtual, BitSet skipped, int lowest, TrainingPack pack, boolean dropped) {

    /** @throws IllegalArgumentException if one of the sequences does not fit the adapters */
    LaidPack(int[] adapterSlots, Virtual virtual, BitSet skipped, int lowest, TrainingPack pack) {
        this(adapterSlots.clone(), virtual, skipped, lowest, pack, false);
        for (TrainingPack.Sequence sequence : pack.sequences()) {
            requireActs(sequence.actsFrom());
            requireWhole(sequence.actsFrom());
            requireVirtual(sequence.tokens());
        }
    }

    /**
     * A pack over the adapters in these slots.
     *
     * @param layers of the model
     * @param lowest of those that learn
     * @throws IllegalArgumentException if one of the sequences does not fit the adapters, or these do not fit each other
     */
    static LaidPack of(int[] adapterSlots, AdapterSlots adapters, int layers, int lowest, TrainingPack pack) {
        adapters.withOwnWeights(adapterSlots);
        BitSet skipped = adapters.skipped(adapterSlots);
        // The last one at least, so that there is a backward pass.
        int last = skipped.previousClearBit(layers - 1);
        return new LaidPack(adapterSlots, adapters.virtual(adapterSlots), skipped, Math.min(last, lowest), pack);
    }

    /** Gradients pass through what lies below a trainee in all of its rows. */
    private void requireActs(int[] actsFrom) {
        boolean complete = actsFrom.length == 0 || actsFrom.length == adapterSlots.length;
        boolean wholeBelow = !learns()
                || Arrays.stream(actsFrom).limit(adapterSlots.length - 1L).allMatch(from -> from == 0);
        if (!complete || !wholeBelow) {
            throw new IllegalArgumentException("a sequence whose adapters act from " + Arrays.toString(actsFrom)
                    + " on, in a pack of " + adapterSlots.length + (learns() ? " to learn" : " to measure"));
        }
    }

    /** Its rows go through the same layers. */
    private void requireWhole(int[] actsFrom) {
        if (!skipped.isEmpty() && Arrays.stream(actsFrom).anyMatch(from -> from > 0)) {
            throw new IllegalArgumentException(
                    "an adapter that acts on a part of a sequence, with one whose rows skip layers");
        }
    }

    /** What is learned of virtual tokens is found by their place at the beginning of a sequence. */
    private void requireVirtual(int[] tokens) {
        int running = virtual.running();
        for (int i = 0; i < Math.max(running, tokens.length); i++) {
            int expected = i < running ? Prefix.token(i) : 0;
            boolean right = i < tokens.length && (i < running ? tokens[i] == expected : tokens[i] >= 0);
            if (!right) {
                throw new IllegalArgumentException(
                        "a sequence of a pack does not begin with the " + running + " virtual tokens of its adapters");
            }
        }
    }

    /** The same, of which nothing becomes any more. */
    LaidPack drop() {
        return new LaidPack(adapterSlots, virtual, skipped, lowest, pack, true);
    }

    /** The first layer that its rows go through. */
    int first() {
        return skipped.nextClearBit(0);
    }

    /** Whether its rows go back through a layer, if they go back at all. */
    boolean goesBack(int layer) {
        return layer >= lowest && !skipped.get(layer);
    }

    boolean learns() {
        return pack.purpose() == Purpose.LEARN && !dropped;
    }

    /** Slot of the adapter that learns. */
    int traineeSlot() {
        return adapterSlots[adapterSlots.length - 1];
    }

    boolean uses(int slot) {
        return uses(adapterSlots, slot);
    }

    static boolean uses(int[] slots, int slot) {
        return Arrays.stream(slots).anyMatch(used -> used == slot);
    }
}
