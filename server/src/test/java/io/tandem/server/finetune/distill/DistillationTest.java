package io.tandem.server.finetune.distill;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.finetune.distill.Distillation.Hardness;
import io.tandem.server.finetune.distill.Distillation.Learned;
import io.tandem.server.finetune.distill.Distillation.Wanted;
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

    private static Learned learned(String ability, double... losses) {
        return new Learned(ability, losses);
    }

    /** Three groups around (0, 0), (10, 0) and (0, 10), of 50, 5 and 5: equal places, not equal shares. */
    @Test
    void rareTrajectoriesAreNotForgotten() {
        for (int seed = 0; seed < 5; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            List<Learned> all = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                double x = i % 12 == 1 ? 10 : 0;
                double y = i % 12 == 2 ? 10 : 0;
                all.add(learned("", x + random.nextDouble(), y + random.nextDouble()));
            }
            Wanted wanted = new Wanted(12, 3, 0, Hardness.ALL_ALONG);
            Distillation distilled = Distillation.of(all, wanted, seed);
            for (int i = 0; i < 60; i++) {
                int like = i % 12 == 1 ? 1 : i % 12 == 2 ? 2 : 0;
                assertThat(distilled.clusters().get(i))
                        .as("seed %d", seed)
                        .isEqualTo(distilled.clusters().get(like));
            }
            assertThat(distilled.clusters().stream().distinct()).containsExactlyInAnyOrder(1, 2, 3);
            assertThat(distilled.chosen().stream().filter(i -> i % 12 == 1)).hasSize(4);
            assertThat(distilled.chosen().stream().filter(i -> i % 12 == 2)).hasSize(4);
            assertThat(distilled.chosen()).hasSize(12);
            assertThat(Distillation.of(all, wanted, seed)).isEqualTo(distilled);
        }
    }

    /** Of four hard and eight easy ones a quarter each is left out: the hardest of its own ability. */
    @Test
    void theHardestOfEachAbilityAreLeftOut() {
        List<Learned> all = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            all.add(i % 3 == 0 ? learned("hard", 20 + i, 3) : learned("easy", i, 1));
        }
        Distillation distilled = Distillation.of(all, new Wanted(6, 2, 0.25, Hardness.ALL_ALONG), 1);
        assertThat(distilled.clusters())
                .extracting(cluster -> cluster == 0)
                .containsExactly(false, false, false, false, false, false, false, false, false, true, true, true);
        assertThat(distilled.chosen()).hasSize(6).contains(0, 3, 6).doesNotContain(9, 10, 11);
        assertThat(distilled.clusters().stream().distinct()).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
        // Then enough are left.
        assertThat(Distillation.of(all, new Wanted(11, 2, 0.9, Hardness.ALL_ALONG), 1)
                        .chosen())
                .hasSize(11)
                .contains(0, 3, 6, 9);
    }

    /** Of written texts those are left out whose losses are large when everything is learned, whatever they were before. */
    @Test
    void theLeastLikelyAtTheEndCanBeLeftOutInstead() {
        List<Learned> all = List.of(learned("", 9, 1), learned("", 1, 3), learned("", 8, 2), learned("", 1, 4));
        assertThat(Distillation.of(all, new Wanted(2, 1, 0.5, Hardness.AT_THE_END), 1)
                        .chosen())
                .containsExactly(0, 2);
        assertThat(Distillation.of(all, new Wanted(2, 1, 0.5, Hardness.ALL_ALONG), 1)
                        .chosen())
                .containsExactly(1, 3);
    }

    @Test
    void thereAreNoMoreClustersThanDifferentTrajectories() {
        List<Learned> all = List.of(learned("", 1, 1), learned("", 1, 1), learned("", 1, 1), learned("", 2, 1));
        Distillation distilled = Distillation.of(all, new Wanted(2, 4, 0, Hardness.ALL_ALONG), 1);
        assertThat(distilled.clusters().stream().distinct()).hasSize(2);
        assertThat(distilled.chosen()).hasSize(2).contains(3);
    }
}
