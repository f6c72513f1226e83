package io.tandem.scheduler.finetune;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;

/** The pack that is on the device, and what its sequences have scored so far. How far it has come the device knows. */
final class PackRun {
    private final DeviceModel device;
    private final TrainingPack pack;
    private final SequenceScores scores;

    /** Lays the pack into the device's training arena. */
    PackRun(DeviceModel device, int[] slots, TrainingPack pack) {
        this.device = device;
        this.pack = pack;
        this.scores = SequenceScores.zeros(pack.sequences().size());
        device.beginPack(slots, pack);
    }

    int rows() {
        return pack.rows();
    }

    PackProgress progress() {
        return device.packProgress();
    }

    /**
     * Takes in what an iteration with this work gave.
     *
     * @return whether its last rows have gone forward now
     */
    boolean apply(TrainingWork done, IterationOutputs outputs) {
        scores.add(outputs.scores());
        return done.forwardRows() > 0 && progress().forwardRows() == 0;
    }

    /** Of each sequence's rows that went forward. */
    SequenceScores scores() {
        return scores.copyOfRange(0, pack.sequences().size());
    }
}
