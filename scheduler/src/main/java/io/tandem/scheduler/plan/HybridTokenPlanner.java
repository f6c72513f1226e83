package io.tandem.scheduler.plan;

import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.finetune.FinetuneRun;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import io.tandem.scheduler.slo.IterationFeatures;
import io.tandem.scheduler.slo.LatencyModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongPredicate;

/**
 * Decides what the next iteration carries; it changes nothing.
 *
 * <p>Decode rows come first: every running sequence gets its next token in every iteration. Prompts follow in the order
 * of admission, in chunks, so that a long one delays nobody's next token by more than a chunk. Both are bounded by
 * numbers of tokens. Fine-tuning takes what is left of the iteration's target latency: the window is the largest that
 * the latency model still predicts to fit beside the inference of the iteration.
 *
 * <p>Two rules temper that. Inference may fill the target alone; then fine-tuning still gets a small window now and
 * then, because a job that stands still for as long as traffic lasts helps nobody. And without any inference the target
 * is stretched, because nobody waits for the iteration, and larger windows use the device better; a request that comes
 * in the middle waits that much longer for its first token.
 */
public final class HybridTokenPlanner {
    /** Rows of the window that fine-tuning gets whatever the traffic. */
    private static final int MIN_WINDOW_ROWS = 8;
    /** Under full load, one iteration in so many has a window. */
    private static final int MIN_WINDOW_INTERVAL = 4;

    private static final double IDLE_STRETCH = 2;
    private static final double NANOS_PER_MILLI = 1e6;

    private final SchedulerConfig config;
    private final KernelsConfig limits;
    private final LatencyModel latency;

    public HybridTokenPlanner(SchedulerConfig config, KernelsConfig limits, LatencyModel latency) {
        this.config = config;
        this.limits = limits;
        this.latency = latency;
    }

    /**
     * @param running in the order of admission
     * @param iteration number of the iteration
     */
    public IterationPlan plan(List<Sequence> running, Optional<FinetuneRun> job, long iteration) {
        List<Chunk> chunks = new ArrayList<>();
        int rows = 0;
        int decodes = 0;
        long decodeContext = 0;
        for (Sequence sequence : running) {
            if (sequence.decoding() && rows < limits.maxTokensPerIteration()) {
                chunks.add(new Chunk(sequence, 1));
                decodes++;
                rows++;
                decodeContext += sequence.computed() + 1;
            }
        }
        int prefill = Math.min(config.prefillChunkTokens(), limits.maxTokensPerIteration() - rows);
        int prefilled = 0;
        long prefillContext = 0;
        for (Sequence sequence : running) {
            int tokens = Math.min(sequence.pending(), prefill - prefilled);
            if (!sequence.decoding() && tokens > 0) {
                chunks.add(new Chunk(sequence, tokens));
                prefilled += tokens;
                prefillContext += (long) tokens * (sequence.computed() + tokens / 2);
            }
        }
        IterationFeatures inference = new IterationFeatures(decodes, decodeContext, prefilled, prefillContext, 0, 0, 0);
        int left = limits.maxTokensPerIteration() - rows - prefilled;
        return job.map(run -> withTraining(chunks, inference, run, left, iteration))
                .orElseGet(() -> new IterationPlan(chunks, Optional.empty(), inference));
    }

    private IterationPlan withTraining(
            List<Chunk> chunks, IterationFeatures inference, FinetuneRun run, int freeRows, long iteration) {
        if (config.fixedWindowTokens() > 0) {
            return withFixedWindow(chunks, inference, run, freeRows);
        }
        double stretch = chunks.isEmpty() ? IDLE_STRETCH : 1;
        long target = (long) (config.iterationTargetMillis() * NANOS_PER_MILLI * stretch);
        long floor = chunks.isEmpty() || iteration % MIN_WINDOW_INTERVAL == 0 ? MIN_WINDOW_ROWS : 0;
        if (run.forward()) {
            int most = Math.min(Math.min(run.forwardRows(), config.maxFinetuneTokens()), freeRows);
            int rows = (int) largest(floor, most, n -> latency.predictNanos(inference.withForward((int) n)) <= target);
            Optional<TrainingWork> work = rows == 0 ? Optional.empty() : Optional.of(run.forwardWork(rows));
            return new IterationPlan(chunks, work, inference.withForward(rows));
        }
        long most = run.backwardRowLayers();
        long rowLayers =
                largest(floor, most, n -> latency.predictNanos(inference.withBackward(n, units(run, n))) <= target);
        if (rowLayers == 0) {
            return new IterationPlan(chunks, Optional.empty(), inference);
        }
        TrainingWork work = run.backwardWork(rowLayers);
        IterationFeatures features =
                inference.withBackward(rowLayers, work.backward().size());
        return new IterationPlan(chunks, Optional.of(work), features);
    }

    /** Windows of one size, so that a job without traffic repeats bit for bit. */
    private IterationPlan withFixedWindow(
            List<Chunk> chunks, IterationFeatures inference, FinetuneRun run, int freeRows) {
        if (run.forward()) {
            int rows = Math.min(Math.min(config.fixedWindowTokens(), run.forwardRows()), freeRows);
            Optional<TrainingWork> work = rows == 0 ? Optional.empty() : Optional.of(run.forwardWork(rows));
            return new IterationPlan(chunks, work, inference.withForward(rows));
        }
        long rowLayers = Math.min((long) config.fixedWindowTokens() * run.layers(), run.backwardRowLayers());
        TrainingWork work = run.backwardWork(rowLayers);
        return new IterationPlan(
                chunks,
                Optional.of(work),
                inference.withBackward(rowLayers, work.backward().size()));
    }

    private static int units(FinetuneRun run, long rowLayers) {
        return Math.toIntExact(1 + rowLayers / run.rows());
    }

    /** The largest number up to {@code most} that fits, but no less than the floor. */
    private static long largest(long floor, long most, LongPredicate fits) {
        long low = Math.min(floor, most);
        long high = most;
        while (low < high) {
            long middle = (low + high + 1) / 2;
            if (fits.test(middle)) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
