package io.tandem.scheduler.slo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class LatencyModelTest {
    private static final IterationFeatures ONE_DECODE = IterationFeatures.decoding(1, 100);

    /** A device that reads its weights in 10 ms and computes 16 rows meanwhile; times in milliseconds. */
    private static double memoryBound(IterationFeatures features) {
        return 10
                + 0.4 * Math.max(0, features.rows() - 16)
                + 1e-3 * features.decodeContext()
                + 0.1 * features.backwardRowLayers();
    }

    private static IterationFeatures random(Random random) {
        IterationFeatures decodes = IterationFeatures.decoding(random.nextInt(24), random.nextInt(2000))
                .withBackward(random.nextInt(60), 1);
        return switch (random.nextInt(3)) {
            case 0 -> decodes.withPrefill(random.nextInt(40), 1000);
            case 1 -> decodes.withForward(random.nextInt(40));
            default -> decodes;
        };
    }

    /** Mean relative error of the last half of many predictions. */
    private static double error(LatencyModel model) {
        Random random = new Random(1);
        double sum = 0;
        int rounds = 1000;
        for (int i = 0; i < rounds; i++) {
            IterationFeatures features = random(random);
            double millis = memoryBound(features);
            if (i >= rounds / 2) {
                sum += Math.abs(model.predictNanos(features) / 1e6 - millis) / millis;
            }
            model.observe(features, (long) (millis * 1e6));
        }
        return sum / (rounds / 2.0);
    }

    @Test
    void aKinkWhereComputingBeginsPredictsBetterThanALine() {
        double kinked = error(new LatencyModel(16));
        double straight = error(new LatencyModel(0));
        assertThat(kinked).isLessThan(0.01).isLessThan(0.2 * straight);
    }

    @Test
    void whatIsNoLongerObservedIsRemembered() {
        LatencyModel model = new LatencyModel(16);
        Random random = new Random(2);
        for (int i = 0; i < 500; i++) {
            IterationFeatures features = random(random);
            model.observe(features, (long) (memoryBound(features) * 1e6));
        }
        for (int i = 0; i < 5000; i++) {
            IterationFeatures training = IterationFeatures.NOTHING.withForward(200 + random.nextInt(56));
            model.observe(training, (long) (memoryBound(training) * 1e6));
        }
        IterationFeatures served = IterationFeatures.decoding(20, 4000).withPrefill(30, 0);
        assertThat(model.predictNanos(served) / 1e6).isCloseTo(memoryBound(served), within(1.0));
    }

    @Test
    void doingMoreNeverLooksCheaper() {
        LatencyModel model = new LatencyModel(16);
        Random random = new Random(4);
        for (int i = 0; i < 200; i++) {
            IterationFeatures features = random(random);
            model.observe(features, (long) (1e7 * (0.5 + random.nextDouble())));
        }
        assertThat(model.report().secondsPerUnit())
                .hasSize(CostKind.values().length)
                .allSatisfy((kind, seconds) -> assertThat(seconds).isNotNegative());
    }

    @Test
    void aPauseOfTheMachineIsNotACost() {
        LatencyModel model = new LatencyModel(16);
        for (int i = 0; i < 100; i++) {
            model.observe(ONE_DECODE, 10_000_000);
        }
        model.observe(ONE_DECODE, 10_000_000_000L);
        assertThat(model.predictNanos(ONE_DECODE)).isLessThan(13_000_000);
    }
}
