package io.tandem.scheduler.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.LowRank;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.TargetModule;
import io.tandem.scheduler.testing.FakeDevice;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SlotResidencyTest {
    private static final int SLOTS = 3;

    private final SlotResidency slots =
            new SlotResidency(new FakeDevice(FakeDevice.limits(4, 64, SLOTS + 2), rows -> 1), 1, SLOTS + 1);

    private static AdapterVersion version(int seed) {
        float[] a = {seed, 1, 2, 3, 4, 5, 6, 7};
        Adapter adapter = new Adapter(
                new LoraConfig(1, 1, false, Set.of(TargetModule.Q_PROJ), ""),
                Map.of(new Site(0, TargetModule.Q_PROJ), new LowRank(1, 8, 8, a, a, 1)));
        return new AdapterVersion("a" + seed, ContentHash.of(adapter), adapter);
    }

    private int use(int seed) {
        int slot = slots.acquire(version(seed)).orElseThrow();
        slots.release(slot);
        return slot;
    }

    @Test
    void theLongestUnusedMakesWay() {
        use(1);
        int second = use(2);
        use(3);
        use(1);
        assertThat(use(4)).isEqualTo(second);
        assertThat(slots.report().resident())
                .containsExactlyInAnyOrder(
                        version(1).version(), version(3).version(), version(4).version());
        assertThat(slots.report().hits()).isEqualTo(1);
        assertThat(slots.report().swaps()).isEqualTo(4);
    }

    @Test
    void whatIsInUseStays() {
        int first = slots.acquire(version(1)).orElseThrow();
        for (int seed = 2; seed < 10; seed++) {
            assertThat(use(seed)).isNotEqualTo(first);
        }
        assertThat(use(1)).isEqualTo(first);
    }

    @Test
    void aPinnedVersionComesAtOnceAndStaysUntilItIsUnpinned() {
        slots.pin(version(1));
        assertThat(slots.report().resident()).containsExactly(version(1).version());
        int first = use(1);
        for (int seed = 2; seed < 10; seed++) {
            assertThat(use(seed)).isNotEqualTo(first);
        }
        slots.unpin(version(1));
        use(10);
        use(11);
        use(12);
        assertThat(slots.report().swaps()).isEqualTo(12);
        use(1);
        assertThat(slots.report().swaps()).isEqualTo(13);
    }

    @Test
    void aStackThatPinnedOnesLeaveNoRoomForIsRefusedInsteadOfWaiting() {
        slots.pin(version(1));
        slots.pin(version(2));
        assertThatThrownBy(() -> slots.acquire(List.of(version(3), version(4))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 of 3 are pinned");
        assertThat(slots.acquire(List.of(version(1), version(3)))).isPresent();
    }

    @Test
    void theSameContentIsTheSameVersionUnderEveryName() {
        AdapterVersion other =
                new AdapterVersion("other", version(1).hash(), version(1).adapter());
        assertThat(slots.acquire(other)).isEqualTo(slots.acquire(version(1)));
        assertThat(version(2).version()).isNotEqualTo(version(1).version());
    }
}
