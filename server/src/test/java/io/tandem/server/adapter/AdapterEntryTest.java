package io.tandem.server.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.JsonBody;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdapterEntryTest {
    private static final int KEYS = 20_000;

    private static StoredVersion version(int i) {
        return new StoredVersion(ContentHash.of("v" + i).hex(), i % 2 == 0, 10 * i, i, "test", List.of(), null);
    }

    private static AdapterEntry entry(int versions) {
        AdapterEntry entry = AdapterEntry.first("name", version(0));
        for (int i = 1; i < versions; i++) {
            entry = entry.with(version(i)).withCurrent(version(i).hash());
        }
        return entry;
    }

    private static long share(AdapterEntry entry, StoredVersion version) {
        long share = 0;
        for (int i = 0; i < KEYS; i++) {
            share += entry.choose("user=" + i).equals(version) ? 1 : 0;
        }
        return share;
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.5, 10, 50, 99})
    void aCanaryGetsItsShareOfTheKeysAndTheSameKeysWhenItGrows(double percent) {
        AdapterEntry entry = entry(2).withCanary(version(0).hash(), percent);
        double expected = KEYS * percent / 100;
        double deviation = Math.sqrt(expected * (1 - percent / 100));
        assertThat((double) share(entry, version(0))).isBetween(expected - 5 * deviation, expected + 5 * deviation);
        AdapterEntry grown = entry.withCanary(version(0).hash(), percent + 0.5);
        for (int i = 0; i < KEYS; i++) {
            if (entry.choose("k" + i).equals(version(0))) {
                assertThat(grown.choose("k" + i)).isEqualTo(version(0));
            }
        }
    }

    @Test
    void noPercentEndsTheTrialAndAllMakeItCurrent() {
        AdapterEntry entry = entry(2).withCanary(version(0).hash(), 30);
        assertThat(entry.withCanary(version(0).hash(), 0).canary()).isNull();
        AdapterEntry promoted = entry.withCanary(version(0).hash(), 100);
        assertThat(promoted.canary()).isNull();
        assertThat(promoted.currentVersion()).isEqualTo(version(0));
    }

    @Test
    void theOldestThatNobodyNeedsGo() {
        AdapterEntry entry = entry(6).withCanary(version(1).hash(), 10);
        assertThat(entry.pruned(3).versions()).containsExactly(version(1), version(4), version(5));
        assertThat(entry.pruned(1).versions()).containsExactly(version(1), version(5));
        assertThat(entry.pruned(9)).isEqualTo(entry);
    }

    @Test
    void theBeginningOfAHashMeansAVersionIfItIsTheOnlyOne() {
        AdapterEntry entry = entry(3);
        assertThat(entry.version(version(1).shown())).contains(version(1));
        assertThat(entry.version("")).isEmpty();
        assertThat(entry.version("zzzz")).isEmpty();
    }

    @Test
    void aManifestComesBackAndAWrongOneIsRefused() throws JsonProcessingException {
        AdapterEntry entry = entry(3).withCanary(version(0).hash(), 12.5)
                .withLabels(Map.of("a", "b"))
                .withPinned(true);
        ObjectNode json = JsonBody.MAPPER.valueToTree(entry);
        assertThat(JsonBody.MAPPER.treeToValue(json, AdapterEntry.class)).isEqualTo(entry);
        json.put("current", version(9).hash());
        assertThatThrownBy(() -> JsonBody.MAPPER.treeToValue(json, AdapterEntry.class))
                .isInstanceOf(JsonProcessingException.class)
                .hasMessageContaining("has no version");
    }
}
