package io.tandem.scheduler.finetune;

import io.tandem.kernels.IterationInputs.BackwardWindow;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;
import java.util.ArrayList;
import java.util.List;

/**
 * How far a pack has come: forward windows over its rows in ascending order and then, if it is learned, layer by layer
 * from the last, backward windows in descending order. How large the windows are is decided from outside and changes
 * nothing but rounding.
 */
final class PackCursor {
    private final TrainingPack pack;
    private final int rows;
    private final SequenceScores scores;
    private int forwardFrom;
    private int layer;
    private int backwardTo;

    PackCursor(TrainingPack pack, int layers) {
        this.pack = pack;
        this.rows = pack.rows();
        this.scores = SequenceScores.zeros(pack.sequences().size());
        this.layer = pack.purpose() == TrainingPack.Purpose.LEARN ? layers - 1 : -1;
        this.backwardTo = rows;
    }

    TrainingPack pack() {
        return pack;
    }

    int rows() {
        return rows;
    }

    /** Rows that have not gone forward. */
    int forwardRows() {
        return rows - forwardFrom;
    }

    /** Rows times layers that have not gone backward. */
    long backwardRowLayers() {
        return layer < 0 ? 0 : (long) layer * rows + backwardTo;
    }

    boolean done() {
        return forwardRows() == 0 && layer < 0;
    }

    /** Of each sequence's rows that went forward. */
    SequenceScores scores() {
        return scores.copyOfRange(0, pack.sequences().size());
    }

    TrainingWork forwardWork(int count) {
        return new TrainingWork(forwardFrom, forwardFrom + count, List.of());
    }

    TrainingWork backwardWork(long rowLayers) {
        List<BackwardWindow> windows = new ArrayList<>();
        long left = rowLayers;
        int at = layer;
        int to = backwardTo;
        while (left > 0 && at >= 0) {
            int from = (int) Math.max(0, to - left);
            windows.add(new BackwardWindow(at, from, to));
            left -= to - from;
            to = from;
            if (to == 0) {
                at--;
                to = rows;
            }
        }
        return new TrainingWork(forwardFrom, forwardFrom, windows);
    }

    void apply(TrainingWork work, IterationOutputs outputs) {
        forwardFrom = work.forwardTo();
        scores.add(outputs.scores());
        for (BackwardWindow backward : work.backward()) {
            backwardTo = backward.from();
            if (backwardTo == 0) {
                layer--;
                backwardTo = rows;
            }
        }
    }
}
