package io.tandem.scheduler.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class PackSharesPropertyTest {
    private static final int LARGEST_PACK = 512;
    private static final double SMALLEST_WEIGHT = 0.2;

    @Property
    void nobodyLagsByMoreThanAPackOverTheSmallestWeight(@ForAll long seed) {
        Random random = new Random(seed);
        PackShares<Integer> shares = new PackShares<>(member -> true);
        Map<Integer, Double> weights = new TreeMap<>();
        int born = 0;
        for (int turn = 0; turn < 500; turn++) {
            if (weights.isEmpty() || random.nextInt(20) == 0) {
                double weight = SMALLEST_WEIGHT + 3 * random.nextDouble();
                weights.put(born, weight);
                shares.add(born++, weight);
            } else if (random.nextInt(40) == 0) {
                int leaver = new ArrayList<>(weights.keySet()).get(random.nextInt(weights.size()));
                weights.remove(leaver);
                shares.remove(leaver);
                continue;
            }
            shares.charge(shares.next().orElseThrow(), 1 + random.nextInt(LARGEST_PACK));
            List<Double> counters =
                    weights.keySet().stream().map(shares::counter).sorted().toList();
            assertThat(counters.get(counters.size() - 1) - counters.get(0))
                    .isLessThanOrEqualTo(LARGEST_PACK / SMALLEST_WEIGHT);
        }
    }

    @Property
    void tokensFollowTheWeights(@ForAll long seed) {
        Random random = new Random(seed);
        PackShares<Integer> shares = new PackShares<>(member -> true);
        double[] weights = random.doubles(4, SMALLEST_WEIGHT, 3).toArray();
        long[] tokens = new long[weights.length];
        for (int i = 0; i < weights.length; i++) {
            shares.add(i, weights[i]);
        }
        for (int turn = 0; turn < 2000; turn++) {
            int member = shares.next().orElseThrow();
            int pack = 1 + random.nextInt(LARGEST_PACK);
            shares.charge(member, pack);
            tokens[member] += pack;
        }
        for (int i = 1; i < weights.length; i++) {
            assertThat(Math.abs(tokens[i] / weights[i] - tokens[0] / weights[0]))
                    .isLessThanOrEqualTo(LARGEST_PACK / SMALLEST_WEIGHT);
        }
    }

    @Property
    void nobodyWaitsForLongerThanTheOthersSharesTake(@ForAll long seed) {
        Random random = new Random(seed);
        PackShares<Integer> shares = new PackShares<>(member -> true);
        int members = 2 + random.nextInt(5);
        for (int i = 0; i < members; i++) {
            shares.add(i, 1);
        }
        int[] lastTurn = new int[members];
        for (int turn = 1; turn < 1000; turn++) {
            int member = shares.next().orElseThrow();
            shares.charge(member, 256 + random.nextInt(256));
            // With equal weights and packs of at most twice the smallest, two turns of each other come in between.
            assertThat(turn - lastTurn[member]).isLessThanOrEqualTo(3 * members);
            lastTurn[member] = turn;
        }
    }

    @Test
    void turnsThatAMemberMissedAreNoCredit() {
        Set<Integer> away = new TreeSet<>(List.of(0));
        PackShares<Integer> shares = new PackShares<>(member -> !away.contains(member));
        shares.add(0, 1);
        shares.add(1, 1);
        for (int turn = 0; turn < 20; turn++) {
            assertThat(shares.next()).contains(1);
            shares.charge(1, 100);
        }
        away.clear();
        shares.add(2, 1);
        int[] turns = new int[3];
        for (int turn = 0; turn < 30; turn++) {
            int member = shares.next().orElseThrow();
            shares.charge(member, 100);
            turns[member]++;
        }
        // The turn that it missed last was its own.
        assertThat(turns).containsExactly(11, 9, 10);
    }
}
