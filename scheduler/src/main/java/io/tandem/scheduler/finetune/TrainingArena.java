package io.tandem.scheduler.finetune;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.TrainingPack;

/** The packs in the device's training arena. They lie side by side until all are done; then the next ones do. */
public final class TrainingArena {
    private final DeviceModel device;
    private int packs;
    private int sequences;
    private int rows;

    public TrainingArena(DeviceModel device) {
        this.device = device;
    }

    public boolean isEmpty() {
        return packs == 0;
    }

    /** Whether a pack of so many rows has room beside the others. */
    public boolean hasRoom(int more) {
        return rows + more <= device.limits().packTokens();
    }

    /** @param slots of its adapters */
    PackRun lay(int[] slots, TrainingPack pack) {
        if (isEmpty()) {
            device.beginPack(slots, pack);
        } else {
            device.joinPack(slots, pack);
        }
        PackRun run = new PackRun(device, packs, sequences, pack);
        packs++;
        sequences += pack.sequences().size();
        rows += pack.rows();
        return run;
    }

    /** How far all packs together have come. */
    public PackProgress progress() {
        return device.packProgress();
    }

    /** What lies there is done. */
    public void clear() {
        packs = 0;
        sequences = 0;
        rows = 0;
    }
}
