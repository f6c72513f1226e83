package io.tandem.scheduler.finetune;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;

/** A pack in the training arena, and what its sequences have scored so far. How far it has come the device knows. */
final class PackRun {
    private final DeviceModel device;
    private final int number;
    private final int firstSequence;
    private final TrainingPack pack;
    private final SequenceScores scores;
    private PackProgress before;
    private PackProgress progress;

    /**
     * @param number among those in the arena
     * @param firstSequence of its own, among those of all packs there
     */
    PackRun(DeviceModel device, int number, int firstSequence, TrainingPack pack) {
        this.device = device;
        this.number = number;
        this.firstSequence = firstSequence;
        this.pack = pack;
        this.scores = SequenceScores.zeros(pack.sequences().size());
        this.progress = device.packProgress(number);
        this.before = progress;
    }

    PackProgress progress() {
        return progress;
    }

    /** Takes in what an iteration gave. */
    void apply(IterationOutputs outputs) {
        before = progress;
        progress = device.packProgress(number);
        if (progress.forwardRows() < before.forwardRows()) {
            int end = firstSequence + pack.sequences().size();
            scores.add(outputs.scores().copyOfRange(firstSequence, end));
        }
    }

    /** Rows that the iteration took forward. */
    int forwardRows() {
        return before.forwardRows() - progress.forwardRows();
    }

    /** Rows times layers that it took backward. */
    long backwardRowLayers() {
        return before.backwardRowLayers() - progress.backwardRowLayers();
    }

    /** Whether all rows have gone forward now, the last of them in this iteration. */
    boolean forwardEnds() {
        return forwardRows() > 0 && progress.forwardRows() == 0;
    }

    /** Multiplies the gradient of each sequence, when its last rows have gone forward. */
    void scale(double[] factors) {
        device.scaleSequences(number, factors);
    }

    /** Nothing becomes of it. */
    void drop() {
        device.dropPack(number);
    }

    /** Of each sequence's rows that went forward. */
    SequenceScores scores() {
        return scores.copyOfRange(0, pack.sequences().size());
    }
}
