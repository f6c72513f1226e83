package io.tandem.scheduler.finetune;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs.BackwardWindow;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.TrainingPack;
import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A job while it trains. Each mini-batch goes pack by pack: forward windows over the pack's rows in ascending order,
 * then, layer by layer from the last, backward windows in descending order; after its last pack comes one optimizer
 * step. How large the windows are is decided from outside and changes nothing but rounding.
 */
public final class FinetuneRun {
    private static final Logger LOG = LoggerFactory.getLogger(FinetuneRun.class);

    private final FinetuneJob job;
    private final JobSink sink;
    private final DeviceModel device;
    private final int slot;
    private final MiniBatches batches;
    private List<TrainingPack> packs = List.of();
    private int pack;
    private int forwardFrom;
    private int layer;
    private int backwardTo;
    private int step;
    private double lossSum;
    private int learnedTokens;
    private int trainedTokens;
    private boolean finished;

    /** Opens the trainee in the slot, which the caller has reserved. */
    public FinetuneRun(FinetuneJob job, JobSink sink, DeviceModel device, int slot) {
        this.job = job;
        this.sink = sink;
        this.device = device;
        this.slot = slot;
        this.batches = new MiniBatches(job, device.limits().packTokens());
        device.openTrainee(
                slot,
                LoraInitializer.initialize(
                        job.lora(), device.model(), job.settings().seed()),
                job.settings().optimizer());
        beginMiniBatch();
        tell(sink::start);
    }

    public FinetuneJob job() {
        return job;
    }

    public int slot() {
        return slot;
    }

    /** Whether the next window goes forward. */
    public boolean forward() {
        return forwardFrom < rows();
    }

    /** Rows of the current pack that have not gone forward. */
    public int forwardRows() {
        return rows() - forwardFrom;
    }

    /** Rows times layers of the current pack that have not gone backward. */
    public long backwardRowLayers() {
        return (long) layer * rows() + backwardTo;
    }

    /** Rows of the current pack. */
    public int rows() {
        return packs.get(pack).rows();
    }

    public int layers() {
        return device.model().layers();
    }

    /** Whether nothing of the next optimizer step has gone forward. */
    public boolean betweenSteps() {
        return pack == 0 && forwardFrom == 0;
    }

    /** The next forward window. */
    public TrainingWork forwardWork(int rows) {
        return new TrainingWork(forwardFrom, forwardFrom + rows, List.of());
    }

    /** The next backward windows, this many rows times layers together. */
    public TrainingWork backwardWork(long rowLayers) {
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
                to = rows();
            }
        }
        return new TrainingWork(forwardFrom, forwardFrom, windows);
    }

    /** Takes in what an iteration with this work gave; true if that was the job's end. */
    public boolean apply(TrainingWork work, IterationOutputs outputs) {
        forwardFrom = work.forwardTo();
        lossSum += outputs.lossSum();
        learnedTokens += outputs.learnedTokens();
        for (BackwardWindow window : work.backward()) {
            backwardTo = window.from();
            if (backwardTo == 0) {
                layer--;
                backwardTo = rows();
            }
        }
        if (!Double.isFinite(lossSum)) {
            finish(new JobOutcome.Failed(
                    "the loss is not a finite number in step " + (step + 1) + "; try a lower learning rate"));
            return true;
        }
        return layer < 0 && endPack();
    }

    private boolean endPack() {
        if (pack + 1 < packs.size()) {
            beginPack(pack + 1);
            return false;
        }
        double rate = job.settings().learningRate()
                * job.settings().schedule().factor(step, job.settings().warmupSteps(), job.totalSteps());
        double norm = device.optimizerStep(slot, rate, 1.0 / learnedTokens);
        if (!Double.isFinite(norm)) {
            finish(new JobOutcome.Failed(
                    "the gradient is not finite in step " + (step + 1) + "; try a lower learning rate"));
            return true;
        }
        step++;
        StepReport report = new StepReport(
                step, job.totalSteps(), lossSum / learnedTokens, rate, norm, trainedTokens, learnedTokens);
        tell(() -> sink.step(report));
        if (step == job.totalSteps()) {
            finish(new JobOutcome.Succeeded(device.snapshot(slot)));
            return true;
        }
        beginMiniBatch();
        return false;
    }

    private void beginMiniBatch() {
        packs = batches.next();
        lossSum = 0;
        learnedTokens = 0;
        trainedTokens = packs.stream().mapToInt(TrainingPack::rows).sum();
        beginPack(0);
    }

    private void beginPack(int index) {
        pack = index;
        forwardFrom = 0;
        layer = device.model().layers() - 1;
        backwardTo = rows();
        device.beginPack(new int[] {slot}, packs.get(index));
    }

    /** Ends the job and frees the trainee; only the first end counts. */
    public void finish(JobOutcome outcome) {
        if (finished) {
            return;
        }
        finished = true;
        device.closeTrainee(slot);
        tell(() -> sink.finish(outcome));
    }

    /** A receiver that fails must not take the engine with it. */
    private void tell(Runnable message) {
        try {
            message.run();
        } catch (RuntimeException e) {
            LOG.error("the receiver of job {} failed", job.id(), e);
        }
    }
}
