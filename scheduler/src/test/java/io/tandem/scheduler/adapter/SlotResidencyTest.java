package io.tandem.scheduler.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.KernelException;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.model.TargetModule;
import io.tandem.scheduler.testing.FakeDevice;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class SlotResidencyTest {
    private static final int SLOTS = 3;

    private final FakeDevice device = new FakeDevice(FakeDevice.limits(4, 64, SLOTS + 2), rows -> 1);
    private final SlotResidency slots = new SlotResidency(device, 1, SLOTS + 1);

    private static AdapterVersion version(int seed) {
        float[] a = {seed, 1, 2, 3, 4, 5, 6, 7};
        Adapter adapter = new Adapter(
                new LoraConfig(1, 1, false, Set.of(TargetModule.Q_PROJ), ""),
                Map.of(new Site(0, TargetModule.Q_PROJ), new LowRank(1, 8, 8, a, a, 1)));
        return new AdapterVersion("a" + seed, ContentHash.of(adapter), FakeDevice.prepared(adapter));
    }

    private int use(int seed) {
        int[] slot = slots.acquire(List.of(version(seed))).orElseThrow();
        slots.release(slot);
        return slot[0];
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
                        version(1).hash(), version(3).hash(), version(4).hash());
        assertThat(slots.report().hits()).isEqualTo(1);
        assertThat(slots.report().swaps()).isEqualTo(4);
    }

    @Test
    void whatIsInUseStays() {
        int first = slots.acquire(List.of(version(1))).orElseThrow()[0];
        for (int seed = 2; seed < 10; seed++) {
            assertThat(use(seed)).isNotEqualTo(first);
        }
        assertThat(use(1)).isEqualTo(first);
    }

    @Test
    void aPinnedVersionComesAtOnceAndStaysUntilItIsUnpinned() {
        slots.pin(version(1));
        assertThat(slots.report().resident()).containsExactly(version(1).hash());
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
    void aStackThatPinnedOnesLeaveNoRoomForDoesNotFit() {
        slots.pin(version(1));
        assertThat(slots.fits(List.of(version(3), version(4)))).isTrue();
        slots.pin(version(2));
        assertThat(slots.fits(List.of(version(3), version(4)))).isFalse();
        assertThat(slots.acquire(List.of(version(1), version(3)))).isPresent();
    }

    @Test
    void asManyPinsAsSlotsOrMoreLeaveOneSlotForTheOthers() {
        for (int pin = 1; pin <= SLOTS + 2; pin++) {
            slots.pin(version(pin));
            assertThat(slots.fits(List.of())).isTrue();
            assertThat(slots.fits(List.of(version(9)))).isTrue();
            use(9);
        }
        assertThat(slots.fits(List.of(version(9), version(10)))).isFalse();
        assertThat(slots.report().resident())
                .contains(version(1).hash(), version(2).hash());
    }

    @Test
    void aStackThatFindsTooFewSlotsCopiesNothing() {
        int[] used = slots.acquire(List.of(version(1), version(2))).orElseThrow();
        for (int i = 0; i < 10; i++) {
            assertThat(slots.acquire(List.of(version(3), version(4)))).isEmpty();
            assertThat(slots.acquire(List.of(version(5), version(6)))).isEmpty();
        }
        assertThat(slots.report().swaps()).isEqualTo(2);
        assertThat(slots.report().hits()).isZero();
        slots.release(used);
        assertThat(slots.acquire(List.of(version(2), version(3), version(1)))).isPresent();
        assertThat(slots.report().swaps()).isEqualTo(3);
    }

    @Test
    void aCopyThatFailsTakesNothing() {
        device.failIf(method -> slots.report().swaps() == 1);
        assertThatThrownBy(() -> slots.acquire(List.of(version(1), version(2)))).isInstanceOf(KernelException.class);
        assertThat(slots.inUse()).isZero();
        device.failIf(method -> false);
        assertThat(slots.acquire(List.of(version(1), version(2)))).isPresent();
        assertThat(slots.report().swaps()).isEqualTo(2);
    }

    @Test
    void theSameContentIsTheSameVersionUnderEveryName() {
        AdapterVersion other =
                new AdapterVersion("other", version(1).hash(), version(1).prepared());
        assertThat(slots.acquire(List.of(other)).orElseThrow())
                .isEqualTo(slots.acquire(List.of(version(1))).orElseThrow());
        assertThat(version(2).hash()).isNotEqualTo(version(1).hash());
    }

    private static AdapterVersion full(int seed, int modules) {
        Map<FullModule, Parameter> full = new TreeMap<>();
        for (FullModule module : List.of(FullModule.values()).subList(0, modules)) {
            full.put(module, new Parameter(module.weight(), 1, 1, new float[] {seed}));
        }
        Adapter adapter = version(seed).adapter().withFull(full);
        return new AdapterVersion("f" + seed, ContentHash.of(adapter), FakeDevice.prepared(adapter));
    }

    private static SlotResidency room(int modules) {
        FakeDevice own = new FakeDevice(FakeDevice.limits(4, 64, SLOTS + 2).withFullModules(modules), rows -> 1);
        return new SlotResidency(own, 1, SLOTS + 1, modules);
    }

    private static boolean use(SlotResidency slots, AdapterVersion version) {
        Optional<int[]> used = slots.acquire(List.of(version));
        used.ifPresent(slots::release);
        return used.isPresent();
    }

    /** Slots are free, and yet the longest unused with modules in full makes way. */
    @Test
    void whatHasModulesInFullMakesWayForTheirLikes() {
        SlotResidency own = room(2);
        assertThat(use(own, full(1, 1))).isTrue();
        assertThat(use(own, version(2))).isTrue();
        assertThat(use(own, full(3, 1))).isTrue();
        assertThat(own.report().resident()).hasSize(3);
        int[] used = own.acquire(List.of(full(3, 1))).orElseThrow();
        assertThat(use(own, full(4, 2))).as("one of two is in use").isFalse();
        assertThat(own.report().resident()).hasSize(3);
        assertThat(use(own, full(5, 1))).isTrue();
        assertThat(own.report().resident())
                .containsExactlyInAnyOrder(
                        full(5, 1).hash(), version(2).hash(), full(3, 1).hash());
        own.release(used);
        assertThat(use(own, full(4, 2))).isTrue();
        assertThat(own.report().resident())
                .containsExactlyInAnyOrder(full(4, 2).hash(), version(2).hash());
        assertThat(use(own, version(6))).isTrue();
        assertThat(own.report().resident()).hasSize(3);
        assertThat(own.fits(List.of(full(4, 2), full(5, 1)))).isFalse();
    }

    /** Pins keep room for what one adapter may have, beside the slot that they keep. */
    @Test
    void pinsLeaveRoomForModulesInFull() {
        SlotResidency own = room(3);
        own.pin(full(1, 1));
        own.pin(full(2, 1));
        assertThat(own.fits(List.of(full(3, 2)))).isTrue();
        assertThat(use(own, full(3, 2))).isTrue();
        assertThat(own.report().resident())
                .containsExactlyInAnyOrder(full(1, 1).hash(), full(3, 2).hash());
        assertThat(own.fits(List.of(full(3, 2), full(4, 1)))).isFalse();
    }

    @Test
    void modulesInFullAreContent() {
        assertThat(full(1, 1).hash())
                .isNotEqualTo(version(1).hash())
                .isNotEqualTo(full(1, 2).hash());
        assertThat(full(1, 2).hash()).isEqualTo(full(1, 2).hash());
        Adapter other = version(1)
                .adapter()
                .withFull(Map.of(
                        FullModule.EMBED_TOKENS, new Parameter("model.embed_tokens.weight", 1, 1, new float[] {2})));
        assertThat(ContentHash.of(other)).isNotEqualTo(full(1, 1).hash());
    }
}
