package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The rows of a training pack: which token, label and position each has, and where the sequences lie. */
final class PackRows {
    static final PackRows EMPTY = new PackRows(IterationInputs.BASE, new TrainingPack(List.of(), Purpose.MEASURE));

    private final int[] adapterSlots;
    private final Purpose purpose;
    private final int sequences;
    private final int[] tokens;
    private final int[] labels;
    private final int[] starts;
    private final int[] sequence;

    PackRows(int[] adapterSlots, TrainingPack pack) {
        this.adapterSlots = adapterSlots;
        this.purpose = pack.purpose();
        this.sequences = pack.sequences().size();
        int rows = pack.rows();
        tokens = new int[rows];
        labels = new int[rows];
        starts = new int[rows];
        sequence = new int[rows];
        int at = 0;
        for (int index = 0; index < sequences; index++) {
            TrainingPack.Sequence next = pack.sequences().get(index);
            int length = next.tokens().length;
            System.arraycopy(next.tokens(), 0, tokens, at, length);
            System.arraycopy(next.labels(), 0, labels, at, length);
            Arrays.fill(starts, at, at + length, at);
            Arrays.fill(sequence, at, at + length, index);
            at += length;
        }
    }

    int[] adapterSlots() {
        return adapterSlots;
    }

    boolean learns() {
        return purpose == Purpose.LEARN;
    }

    boolean uses(int slot) {
        return Arrays.stream(adapterSlots).anyMatch(used -> used == slot);
    }

    /** Slot of the adapter that learns. */
    int traineeSlot() {
        return adapterSlots[adapterSlots.length - 1];
    }

    /** Slots of the adapters below it. */
    int[] frozenSlots() {
        return Arrays.copyOf(adapterSlots, adapterSlots.length - 1);
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
        return row - starts[row];
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
