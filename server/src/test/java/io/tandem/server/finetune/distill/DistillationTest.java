package io.tandem.server.finetune.distill;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Against cases computed by hand. */
class DistillationTest {
    /** 1, 2 and 4 examples for 6 places: of 2 each the first gives 1, of (5 / 2) the second gives both, the third gives the rest. */
    @Test
    void smallClustersGiveAllAndLargeOnesTheRest() {
        List<List<Integer>> clusters = List.of(List.of(3, 4, 5, 6), List.of(0), List.of(1, 2));
        TreeSet<Integer> chosen = new TreeSet<>(Distillation.balanced(clusters, 6, new SplittableRandom(1)));
        assertThat(chosen).hasSize(6).contains(0, 1, 2);
        assertThat(Distillation.balanced(clusters, 3, new SplittableRandom(1)))
                .hasSize(3)
                .contains(0)
                .matches(three -> three.contains(1) != three.contains(2));
        assertThat(Distillation.balanced(clusters, 7, new SplittableRandom(1))).hasSize(7);
    }

    /** Three groups around (0, 0), (10, 0) and (0, 10), of 50, 5 and 5: equal places, not equal shares. */
    @Test
    void rareTrajectoriesAreNotForgotten() {
        for (int seed = 0; seed < 5; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            List<double[]> trajectories = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                double x = i % 12 == 1 ? 10 : 0;
                double y = i % 12 == 2 ? 10 : 0;
                trajectories.add(new double[] {x + random.nextDouble(), y + random.nextDouble()});
            }
            Distillation distilled = Distillation.of(trajectories.toArray(double[][]::new), 12, 3, seed);
            for (int i = 0; i < 60; i++) {
                int like = i % 12 == 1 ? 1 : i % 12 == 2 ? 2 : 0;
                assertThat(distilled.clusters().get(i))
                        .as("seed %d", seed)
                        .isEqualTo(distilled.clusters().get(like));
            }
            assertThat(distilled.clusters().stream().distinct()).hasSize(3);
            assertThat(distilled.chosen().stream().filter(i -> i % 12 == 1)).hasSize(4);
            assertThat(distilled.chosen().stream().filter(i -> i % 12 == 2)).hasSize(4);
            assertThat(distilled.chosen()).hasSize(12);
            assertThat(Distillation.of(trajectories.toArray(double[][]::new), 12, 3, seed))
                    .isEqualTo(distilled);
        }
    }

    @Test
    void thereAreNoMoreClustersThanDifferentTrajectories() {
        double[][] trajectories = {{1, 1}, {1, 1}, {1, 1}, {2, 1}};
        assertThat(Distillation.of(trajectories, 2, 4, 1).clusters().stream().distinct())
                .hasSize(2);
        assertThat(Distillation.of(trajectories, 2, 4, 1).chosen()).hasSize(2).contains(3);
    }
}
