package io.tandem.kernels.decoder;

import io.tandem.kernels.TrainingPack;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The rows of a training pack: which token, label and position each has, and where the sequences lie. */
final class PackRows {
    static final PackRows EMPTY = new PackRows(new TrainingPack(List.of()));

    private final int[] tokens;
    private final int[] labels;
    private final int[] starts;

    PackRows(TrainingPack pack) {
        int rows = pack.rows();
        tokens = new int[rows];
        labels = new int[rows];
        starts = new int[rows];
        int at = 0;
        for (TrainingPack.Sequence sequence : pack.sequences()) {
            int length = sequence.tokens().length;
            System.arraycopy(sequence.tokens(), 0, tokens, at, length);
            System.arraycopy(sequence.labels(), 0, labels, at, length);
            Arrays.fill(starts, at, at + length, at);
            at += length;
        }
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
