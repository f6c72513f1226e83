package io.tandem.kernels.adapter.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.TriadaptloraMethod.Threshold;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** When the ranks of which modules grow, and by how many. */
class RankGrowthTest {
    private static final int STEPS = 200;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final List<Site> sites = Site.all(model);

    private static LoraConfig config(int rank) {
        return new LoraConfig(rank, 2 * rank, false, LoraConfig.everyLinear(), "");
    }

    private static GrowthSettings every(int warmup, int interval) {
        return new GrowthSettings(OptionalInt.of(warmup), OptionalInt.of(interval));
    }

    static List<PeftMethod> methods() {
        List<PeftMethod> methods = new ArrayList<>();
        for (int rank : new int[] {1, 2, 3, 5, 8}) {
            methods.add(new IncreloraMethod(config(rank), GrowthSettings.DEFAULT, OptionalInt.empty()));
            for (Threshold threshold : Threshold.values()) {
                methods.add(new TriadaptloraMethod(config(rank), GrowthSettings.DEFAULT, threshold));
            }
        }
        return methods;
    }

    private RankGrowth growth(PeftMethod method) {
        return method.growth(model, STEPS).orElseThrow();
    }

    private SortedMap<Site, Double> importance() {
        SortedMap<Site, Double> importance = new TreeMap<>();
        sites.forEach(site -> importance.put(site, random.nextDouble()));
        return importance;
    }

    private static int total(RankGrowth growth) {
        return growth.ranks().values().stream().mapToInt(rank -> rank).sum();
    }

    /** Whatever is important: no module beyond its room, no adapter beyond its budget, and with no setting all of it is spent. */
    @ParameterizedTest
    @MethodSource("methods")
    void theBudgetIsSpentAndNeverExceeded(PeftMethod method) {
        RankGrowth growth = growth(method);
        GrowingMethod growing = (GrowingMethod) method;
        SortedMap<Site, Integer> before = growth.ranks();
        for (int step = 1; step <= STEPS; step++) {
            boolean grew = growth.after(step, importance());
            assertThat(growth.ranks().equals(before)).isEqualTo(!grew);
            before = growth.ranks();
            before.values().forEach(growing.budget()::require);
            assertThat(total(growth)).isLessThanOrEqualTo(growth.most());
        }
        assertThat(growth.complete()).isTrue();
        assertThat(growth.most()).isEqualTo(method.config().rank() * sites.size());
        assertThat(total(growth)).isGreaterThan(growth.most() - growing.budget().step());
    }

    /** There is room for all that may come, with what learns ahead, and no more than twice the average. */
    @ParameterizedTest
    @MethodSource("methods")
    void theAdapterHasRoomForAllRanks(PeftMethod method) {
        Adapter start = method.start(model, 1);
        int room = ((GrowingMethod) method).budget().room();
        assertThat(room).isBetween(method.config().rank(), 2 * method.config().rank());
        start.modules().forEach((site, change) -> {
            Core core = (Core) change;
            assertThat(core.rank()).isEqualTo(room);
            assertThat(core.ranks().used()).isEqualTo(growth(method).ranks().get(site));
            assertThat(core.outer().scaling())
                    .isEqualTo(2.0 * method.config().rank() / core.ranks().used());
            assertThat(core.served().rank()).isEqualTo(core.ranks().used());
        });
    }

    @Test
    void ranksGrowAfterTheWarmUpAtIntervals() {
        RankGrowth growth = growth(new IncreloraMethod(config(4), every(20, 7), OptionalInt.of(2)));
        List<Integer> grew = new ArrayList<>();
        for (int step = 1; step <= STEPS; step++) {
            int before = total(growth);
            if (growth.after(step, importance())) {
                grew.add(step);
                assertThat(total(growth)).isEqualTo(Math.min(before + 2 * 2, growth.most()));
            }
        }
        // (4 - 1) * 14 ranks, four each time but two the last time.
        assertThat(grew).hasSize(11).startsWith(20, 27, 34);
    }

    /** The moving averages written out, with the paper's constants. */
    @Test
    void increloraGrowsWhatIsImportantAndUncertain() {
        RankGrowth growth = growth(new IncreloraMethod(config(4), every(12, 100), OptionalInt.of(3)));
        double[] average = new double[sites.size()];
        double[] uncertainty = new double[sites.size()];
        for (int step = 1; step <= 12; step++) {
            SortedMap<Site, Double> importance = importance();
            growth.after(step, importance);
            for (int i = 0; i < average.length; i++) {
                double now = importance.get(sites.get(i));
                average[i] = 0.85 * average[i] + 0.15 * now;
                uncertainty[i] = 0.85 * uncertainty[i] + 0.15 * Math.abs(now - average[i]);
            }
        }
        double third = sortedDescending(average, uncertainty)[2];
        for (int i = 0; i < average.length; i++) {
            assertThat(growth.ranks().get(sites.get(i))).isEqualTo(average[i] * uncertainty[i] >= third ? 3 : 1);
        }
    }

    private static double[] sortedDescending(double[] average, double[] uncertainty) {
        double[] scores = new double[average.length];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = average[i] * uncertainty[i];
        }
        Arrays.sort(scores);
        for (int i = 0; i < scores.length / 2; i++) {
            double swapped = scores[i];
            scores[i] = scores[scores.length - 1 - i];
            scores[scores.length - 1 - i] = swapped;
        }
        return scores;
    }

    /** The norm of the core counts by its blocks, and only what it gained since ranks grew last. */
    @Test
    void triadaptloraGrowsWhatGained() {
        RankGrowth growth = growth(new TriadaptloraMethod(config(4), every(5, 5), Threshold.EXPONENTIAL));
        Site large = sites.get(3);
        Site gaining = sites.get(8);
        SortedMap<Site, Double> norms = new TreeMap<>();
        sites.forEach(site -> norms.put(site, site.equals(large) ? 10.0 : 1.0));
        for (int step = 1; step <= 5; step++) {
            growth.after(step, norms);
        }
        // At progress 0 one module grows: the one whose core is the largest.
        assertThat(growth.ranks().get(large)).isEqualTo(4);
        assertThat(total(growth)).isEqualTo(2 * sites.size() + 2);
        norms.put(gaining, 1.5);
        for (int step = 6; step <= 10; step++) {
            growth.after(step, norms);
        }
        assertThat(growth.ranks().get(gaining)).isEqualTo(4);
        assertThat(growth.ranks().get(large)).isEqualTo(4);
    }

    /** {@code left * p} and {@code left^p}, of the ranks that are left and the progress p. */
    @ParameterizedTest
    @CsvSource({"LINEAR, 40, 0.5, 20", "LINEAR, 40, 0.01, 0", "EXPONENTIAL, 100, 0.5, 10", "EXPONENTIAL, 100, 0, 1"})
    void thresholdsFollowTheRanksThatAreLeft(Threshold threshold, int left, double progress, int modules) {
        GrowthRule rule = new TriadaptloraMethod(config(4), GrowthSettings.DEFAULT, threshold).rule(model);
        assertThat((double) rule.modules(left, progress)).isCloseTo(modules, Offset.offset(0.5));
    }

    @ParameterizedTest
    @MethodSource("methods")
    void aJobThatStoppedGrowsAsItWouldHave(PeftMethod method) {
        RankGrowth whole = growth(method);
        RankGrowth second = growth(method);
        for (int step = 1; step <= STEPS; step++) {
            SortedMap<Site, Double> importance = importance();
            whole.after(step, importance);
            second.after(step, importance);
            if (step % 9 == 0) {
                byte[] state = second.state();
                second = growth(method);
                second.restore(state);
            }
            assertThat(second.ranks()).isEqualTo(whole.ranks());
            assertThat(second.state()).isEqualTo(whole.state());
        }
    }

    @Test
    void aStateOfOtherModulesIsRefused() {
        RankGrowth growth = growth(new IncreloraMethod(config(4), GrowthSettings.DEFAULT, OptionalInt.empty()));
        byte[] state = growth.state();
        for (byte[] wrong : List.of(new byte[0], Arrays.copyOf(state, state.length - 1))) {
            assertThatThrownBy(() -> growth.restore(wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("expected " + state.length);
        }
        // Two ranks are none that a module has which starts with one and grows by two.
        state[3] = 2;
        assertThatThrownBy(() -> growth.restore(state))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has 2 ranks, expected 1 to 7 in steps of 2");
        assertThatThrownBy(() -> growth.after(
                        1, new TreeMap<>(Map.of(new Site(99, sites.get(0).module()), 1.0))))
                .hasMessageContaining("has no ranks that grow");
    }
}
