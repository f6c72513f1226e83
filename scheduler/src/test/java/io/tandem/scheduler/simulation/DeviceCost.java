package io.tandem.scheduler.simulation;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.scheduler.testing.FakeDevice;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/**
 * What iterations take on a simulated device.
 *
 * @param baseMillis of every iteration: reading the weights
 * @param freeRows forward rows that this covers
 * @param decodeRowMillis per sequence that gets a token
 * @param contextTokenMillis per token in the KV cache that a decode or prompt row attends to
 * @param prefillRowMillis per prompt token
 * @param forwardRowMillis per fine-tuning row forward
 * @param backwardRowLayerMillis per fine-tuning row and layer backward
 * @param noise standard deviation of an iteration's duration over its mean
 */
public record DeviceCost(
        double baseMillis,
        int freeRows,
        double decodeRowMillis,
        double contextTokenMillis,
        double prefillRowMillis,
        double forwardRowMillis,
        double backwardRowLayerMillis,
        double noise) {

    /**
     * A transformer on an accelerator, from what data sheets say: an iteration reads all weights, and computes two
     * operations per weight and row, forward as well as backward through the frozen weights. The simulated model has
     * three layers, however many the real one has.
     *
     * @param weights their number, in 16 bits
     * @param bytesPerSecond that the memory really gives
     * @param operationsPerSecond that matrix products really reach
     * @param cacheBytes keys and values of one token
     * @param overheadMillis of an iteration beside that
     */
    public static DeviceCost accelerator(
            double weights,
            double bytesPerSecond,
            double operationsPerSecond,
            double cacheBytes,
            double overheadMillis) {
        double reading = 1e3 * 2 * weights / bytesPerSecond;
        double row = 1e3 * 2 * weights / operationsPerSecond;
        double context = 1e3 * cacheBytes / bytesPerSecond;
        int free = (int) (reading / row);
        return new DeviceCost(reading + overheadMillis, free, row, context, row, row, row / FakeDevice.LAYERS, 0.05);
    }

    /** A device of half the speed has factor 2. */
    public DeviceCost times(double factor) {
        return new DeviceCost(
                baseMillis * factor,
                freeRows,
                decodeRowMillis * factor,
                contextTokenMillis * factor,
                prefillRowMillis * factor,
                forwardRowMillis * factor,
                backwardRowLayerMillis * factor,
                noise);
    }

    /** Milliseconds without noise. */
    public double millis(IterationInputs inputs) {
        double rows = 0;
        double compute = 0;
        double context = 0;
        for (Segment segment : inputs.segments()) {
            int tokens = segment.tokens().length;
            rows += tokens;
            compute += tokens * (tokens == 1 ? decodeRowMillis : prefillRowMillis);
            context += tokens * (segment.start() + tokens / 2.0);
        }
        double backward = 0;
        if (inputs.training().isPresent()) {
            var work = inputs.training().get();
            rows += work.forwardRows();
            compute += work.forwardRows() * forwardRowMillis;
            backward = work.backwardRowLayers();
        }
        double computed = rows == 0 ? 0 : compute * Math.max(0, rows - freeRows) / rows;
        return baseMillis + computed + context * contextTokenMillis + backward * backwardRowLayerMillis;
    }

    /** The same with noise, never less than half or more than twice the mean. */
    public ToDoubleFunction<IterationInputs> noisy(Random random) {
        return inputs -> millis(inputs) * Math.min(2, Math.max(0.5, 1 + noise * random.nextGaussian()));
    }
}
