package io.tandem.kernels.decoder;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.adapter.Prefix;
import java.util.Arrays;

/** Refuses packs that cannot be computed. */
final class PackCheck {
    private PackCheck() {}

    /** @throws IllegalArgumentException if the pack is too large, or its sequences do not go with the adapters */
    static void check(TrainingPack pack, int[] adapterSlots, AdapterSlots adapters, KernelsConfig limits) {
        if (pack.rows() > limits.packTokens()) {
            throw new IllegalArgumentException(
                    "a pack of " + pack.rows() + " tokens, kernels.pack-tokens is " + limits.packTokens());
        }
        boolean learns = pack.purpose() == Purpose.LEARN;
        pack.sequences().forEach(sequence -> requireActs(sequence.actsFrom(), adapterSlots, learns));
        if (!adapters.skipped(adapterSlots).isEmpty()) {
            pack.sequences().forEach(sequence -> requireWhole(sequence.actsFrom()));
        }
        int virtual = adapters.virtual(adapterSlots).running();
        pack.sequences().forEach(sequence -> requireVirtual(sequence.tokens(), virtual));
    }

    /** Gradients pass through what lies below a trainee in all of its rows. */
    private static void requireActs(int[] actsFrom, int[] adapterSlots, boolean learns) {
        boolean complete = actsFrom.length == 0 || actsFrom.length == adapterSlots.length;
        boolean wholeBelow = !learns
                || Arrays.stream(actsFrom).limit(adapterSlots.length - 1L).allMatch(from -> from == 0);
        if (!complete || !wholeBelow) {
            throw new IllegalArgumentException("a sequence whose adapters act from " + Arrays.toString(actsFrom)
                    + " on, in a pack of " + adapterSlots.length + (learns ? " to learn" : " to measure"));
        }
    }

    /** Rows of a window go through the same layers. */
    private static void requireWhole(int[] actsFrom) {
        if (Arrays.stream(actsFrom).anyMatch(from -> from > 0)) {
            throw new IllegalArgumentException(
                    "an adapter that acts on a part of a sequence, with one whose rows skip layers");
        }
    }

    /** What is learned of virtual tokens is found by their place at the beginning of a sequence. */
    private static void requireVirtual(int[] tokens, int virtual) {
        for (int i = 0; i < Math.max(virtual, tokens.length); i++) {
            int expected = i < virtual ? Prefix.token(i) : 0;
            boolean right = i < tokens.length && (i < virtual ? tokens[i] == expected : tokens[i] >= 0);
            if (!right) {
                throw new IllegalArgumentException(
                        "a sequence of a pack does not begin with the " + virtual + " virtual tokens of its adapters");
            }
        }
    }
}
