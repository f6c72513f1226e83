package io.tandem.scheduler.simulation;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/**
 * What iterations take on a device that is no sum of costs, as the latency model believes: rows are computed in tiles of 48,
 * so that the 49th costs as much as all of them; reading memory and computing overlap, so that only the longer counts; and
 * iterations scatter with a long tail.
 */
final class TiledDevice implements ToDoubleFunction<IterationInputs> {
    private static final int TILE = 48;
    private static final double SPREAD = 0.15;
    /** One iteration in so many is caught by a pause of the machine. */
    private static final int PAUSES = 300;

    private final Random random;

    TiledDevice(long seed) {
        random = new Random(seed);
    }

    @Override
    public double applyAsDouble(IterationInputs inputs) {
        double rows = 0;
        double context = 0;
        for (Segment segment : inputs.segments()) {
            rows += segment.tokens().length;
            context += segment.tokens().length * (segment.start() + segment.tokens().length / 2.0);
        }
        rows += inputs.training().map(TrainingWork::forwardRows).orElse(0);
        double backward = inputs.training().map(TrainingWork::backwardRowLayers).orElse(0L);
        double computing = 4.5 * Math.ceil(rows / TILE) + 3.4 * Math.ceil(backward / TILE);
        double reading = 12 + 2e-4 * context;
        double millis = 1 + Math.max(computing, reading) * Math.exp(SPREAD * random.nextGaussian());
        return random.nextInt(PAUSES) == 0 ? 4 * millis : millis;
    }
}
