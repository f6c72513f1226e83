package io.tandem.loadtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.testing.Seeded;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ZipfTest {
    private static final int DRAWS = 100_000;

    @RegisterExtension
    final Seeded seeded = new Seeded();

    @Test
    void probabilitiesFallWithTheRankAndSumToOne() {
        Zipf zipf = new Zipf(24, 1);
        assertThat(IntStream.range(0, 24).mapToDouble(zipf::probability).sum()).isCloseTo(1, within(1e-12));
        for (int rank = 0; rank < 24; rank++) {
            assertThat(zipf.probability(0) / zipf.probability(rank)).isCloseTo(rank + 1, within(1e-9));
        }
    }

    @Test
    void ranksAreDrawnAsOftenAsTheirProbabilitySays() {
        Zipf zipf = new Zipf(10, 1.2);
        SplittableRandom random = new SplittableRandom(seeded.seed());
        int[] counts = new int[10];
        for (int i = 0; i < DRAWS; i++) {
            counts[zipf.draw(random)]++;
        }
        for (int rank = 0; rank < 10; rank++) {
            double expected = zipf.probability(rank) * DRAWS;
            assertThat((double) counts[rank]).isCloseTo(expected, within(6 * Math.sqrt(expected)));
        }
    }

    @Test
    void oneRankIsAlwaysDrawn() {
        assertThat(new Zipf(1, 1).draw(new SplittableRandom(1))).isZero();
    }
}
