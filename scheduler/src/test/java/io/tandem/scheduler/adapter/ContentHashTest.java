package io.tandem.scheduler.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.model.TargetModule;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ContentHashTest {
    private static final Site SITE = new Site(0, TargetModule.Q_PROJ);

    private static float[] values(int length) {
        Random random = new Random(7);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = random.nextFloat();
        }
        return values;
    }

    private static ContentHash hash(Site site, float[] a, double scaling, String base) {
        LoraConfig config = new LoraConfig(2, 4, false, Set.of(TargetModule.Q_PROJ), base);
        return ContentHash.of(new Adapter(config, Map.of(site, new LowRank(2, 5000, 3, a, values(6), scaling))));
    }

    @Test
    void everyNumberCountsAndTheConfigurationDoesNot() {
        float[] a = values(10_000);
        ContentHash hash = hash(SITE, a, 2, "");
        assertThat(hash(SITE, a.clone(), 2, "some/base")).isEqualTo(hash);
        assertThat(hash(SITE, a, 2.5, "")).isNotEqualTo(hash);
        assertThat(hash(new Site(1, TargetModule.Q_PROJ), a, 2, "")).isNotEqualTo(hash);
        for (int i : new int[] {0, 4095, 4096, 9_999}) {
            float[] other = a.clone();
            other[i] = Math.nextUp(other[i]);
            assertThat(hash(SITE, other, 2, "")).as("number %d", i).isNotEqualTo(hash);
        }
    }

    @Test
    void skippedLayersCount() {
        LoraConfig config = new LoraConfig(1, 4, false, Set.of(TargetModule.Q_PROJ), "");
        LowRank factors = new LowRank(1, 2, 2, new float[] {1, 2}, new float[] {3, 4}, 2);
        Adapter adapter = new Adapter(config, Map.of(SITE, factors));
        assertThat(Set.of(
                        ContentHash.of(adapter),
                        ContentHash.of(adapter.skipping(Set.of(1))),
                        ContentHash.of(adapter.skipping(Set.of(2))),
                        ContentHash.of(adapter.skipping(Set.of(1, 2)))))
                .hasSize(4);
    }

    /** The same numbers in other forms do something else. */
    @Test
    void formsCount() {
        LowRank factors = new LowRank(1, 2, 2, new float[] {1, 2}, new float[] {3, 4}, 2);
        float[] two = {3, 4};
        List<Change> changes = List.of(
                factors,
                new Dora(factors, two),
                new Scale(2, 2, Scale.Side.INPUT, two),
                new Scale(2, 2, Scale.Side.OUTPUT, two),
                new SingleWeights(2, 2, new int[] {0, 1}, two),
                new SingleWeights(2, 2, new int[] {0, 3}, two));
        LoraConfig config = new LoraConfig(1, 2, false, Set.of(TargetModule.Q_PROJ), "");
        assertThat(changes.stream()
                        .map(change -> ContentHash.of(new Adapter(config, Map.of(SITE, change))))
                        .distinct())
                .hasSize(changes.size());
    }

    @Test
    void theShownDigitsAndTheNumberAreItsBeginning() {
        ContentHash hash = new ContentHash("0123456789abcdef".repeat(4));
        assertThat(hash.shown()).isEqualTo("0123456789ab");
        assertThat(hash.number()).isEqualTo(0x0123456789abcdefL);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "0123",
                "../../etc/passwd",
                "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"
            })
    void whatIsNoHashIsRefused(String hex) {
        assertThatThrownBy(() -> new ContentHash(hex)).isInstanceOf(IllegalArgumentException.class);
    }
}
