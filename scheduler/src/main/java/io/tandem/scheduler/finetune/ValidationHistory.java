package io.tandem.scheduler.finetune;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.JobCheckpoint.Best;
import io.tandem.scheduler.finetune.JobSink.Measured;
import java.util.Optional;
import java.util.function.Supplier;

/** What measuring the validation examples has brought, and what follows from it. */
final class ValidationHistory {
    private final Cadence cadence;
    private Optional<Measured> last;
    private Optional<Best> best;
    private int withoutGain;
    private double smallest;

    ValidationHistory(Cadence cadence, Optional<JobCheckpoint> from) {
        this.cadence = cadence;
        this.last = from.flatMap(JobCheckpoint::measured);
        this.best = from.flatMap(JobCheckpoint::best);
        this.withoutGain = from.map(JobCheckpoint::withoutGain).orElse(0);
        this.smallest = from.map(JobCheckpoint::smallestLoss).orElse(Double.POSITIVE_INFINITY);
    }

    /** @param adapter the weights that were measured */
    void add(Measured measured, Supplier<Adapter> adapter) {
        if (measured.loss() < smallest) {
            if (cadence.keepBest()) {
                // First, because the device may fail, and then nothing has been added.
                best = Optional.of(new Best(measured.step(), measured.loss(), adapter.get()));
            }
            smallest = measured.loss();
            withoutGain = 0;
        } else {
            withoutGain++;
        }
        last = Optional.of(measured);
    }

    /** Whether the examples should be measured after so many steps and have not been. */
    boolean due(int step, int lastStep) {
        int every = cadence.measureEvery();
        boolean wanted = step == 0 || step == lastStep || (every > 0 && step % every == 0);
        return wanted && last.stream().noneMatch(measured -> measured.step() == step);
    }

    /** Whether the job has stopped to become better. */
    boolean exhausted() {
        return cadence.patience() > 0 && withoutGain >= cadence.patience();
    }

    Optional<Measured> last() {
        return last;
    }

    Optional<Best> best() {
        return best;
    }

    int withoutGain() {
        return withoutGain;
    }

    double smallest() {
        return smallest;
    }
}
