package io.tandem.scheduler.finetune;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.method.RankGrowth;
import io.tandem.scheduler.finetune.JobSink.Grown;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;

/** The ranks of a trainee's modules, which grow as its method says. For the engine thread. */
final class GrowingRanks {
    /** In a checkpoint: what the method remembers. */
    private static final String STATE = "growth";

    private final RankGrowth growth;
    private final DeviceModel device;
    private final int slot;

    private GrowingRanks(RankGrowth growth, DeviceModel device, int slot) {
        this.growth = growth;
        this.device = device;
        this.slot = slot;
    }

    /**
     * Empty if the job's method has none.
     *
     * @throws IllegalArgumentException if the checkpoint is one of another method
     */
    static Optional<GrowingRanks> of(FinetuneJob job, DeviceModel device, int slot) {
        return job.method().growth(device.model(), job.totalSteps()).map(growth -> {
            job.resumeFrom().ifPresent(from -> growth.restore(from.optimizer().more(STATE)));
            return new GrowingRanks(growth, device, slot);
        });
    }

    /**
     * After an optimizer step.
     *
     * @param step from 1
     * @return what grew, if anything did
     */
    Optional<Grown> after(int step) {
        SortedMap<Site, Integer> before = growth.ranks();
        if (!growth.after(step, device.importance(slot))) {
            return Optional.empty();
        }
        SortedMap<Site, Integer> now = growth.ranks();
        device.grow(slot, now, growth.complete());
        return Optional.of(new Grown(step, before, now, growth.most()));
    }

    OptimizerState with(OptimizerState state) {
        return state.with(Map.of(STATE, growth.state()));
    }
}
