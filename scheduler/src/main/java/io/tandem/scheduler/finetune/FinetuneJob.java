package io.tandem.scheduler.finetune;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.scheduler.inference.InferenceRequest;
import java.util.List;

/**
 * One adapter to train from examples.
 *
 * @param id unique in the process
 * @param caller on whose account it trains; {@link InferenceRequest#SHARED_CALLER} if nobody said
 * @param lora what to train
 * @param examples at least one; each no longer than the context and a training pack
 * @param settings how to train
 */
public record FinetuneJob(
        String id, String caller, LoraConfig lora, List<TrainingPack.Sequence> examples, Settings settings) {

    /**
     * @param epochs passes over the examples
     * @param batchSize examples between two optimizer steps
     * @param learningRate at its highest
     * @param warmupSteps optimizer steps during which the learning rate rises linearly to its highest
     * @param schedule of the learning rate after warm-up
     * @param seed of the initial weights and of the order of examples
     * @param optimizer its constants
     */
    public record Settings(
            int epochs,
            int batchSize,
            double learningRate,
            int warmupSteps,
            LearningRateSchedule schedule,
            long seed,
            OptimizerConfig optimizer) {}

    public FinetuneJob {
        examples = List.copyOf(examples);
    }

    /** Optimizer steps from start to end. */
    public int totalSteps() {
        int stepsPerEpoch = (examples.size() + settings.batchSize() - 1) / settings.batchSize();
        return stepsPerEpoch * settings.epochs();
    }
}
