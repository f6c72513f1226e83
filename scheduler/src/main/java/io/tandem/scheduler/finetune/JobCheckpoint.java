package io.tandem.scheduler.finetune;

import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.learning.LearningState;
import io.tandem.scheduler.finetune.JobSink.Measured;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Everything that a job is after an optimizer step. A job that goes on from here sees the same examples in the same
 * order and, given the same windows, ends with the same weights as without the interruption.
 *
 * @param step finished optimizer steps
 * @param adapter its weights now, as they learn
 * @param pruned what is served of the adapter, if that is not all of it
 * @param optimizer what the optimizer remembers
 * @param best the best measured so far, if the job keeps it
 * @param smallestLoss of all measurements so far; infinite before the first
 * @param withoutGain measurements in a row that brought no smaller loss
 * @param references for preferences: of each example, training before validation, the loss of the preferred answer less
 *     that of the rejected one, without the adapter
 * @param trainedTokens that went through the model for all steps so far
 * @param trained scores of the last step
 * @param measured the last measurement, of this step or an earlier one
 * @param learning what is remembered of what learns
 * @param trajectories the losses of the training examples, if the job examines them
 */
public record JobCheckpoint(
        int step,
        Adapter adapter,
        Optional<Adapter> pruned,
        OptimizerState optimizer,
        Optional<Best> best,
        double smallestLoss,
        int withoutGain,
        List<Double> references,
        long trainedTokens,
        Scores trained,
        Optional<Measured> measured,
        LearningState learning,
        Trajectories trajectories) {

    /**
     * The adapter with the smallest validation loss.
     *
     * @param step after which it was measured
     */
    public record Best(int step, double loss, Adapter adapter) {}

    /** What is served of its weights. */
    public Adapter served() {
        return pruned.orElse(adapter);
    }

    /** About what it takes of the heap. */
    public long bytes() {
        long numbers = Stream.of(Optional.of(adapter), pruned, best.map(Best::adapter))
                .flatMap(Optional::stream)
                .distinct()
                .mapToLong(Adapter::parameters)
                .sum();
        return numbers * Float.BYTES + optimizer.bytes();
    }

    public JobCheckpoint {
        references = List.copyOf(references);
    }
}
