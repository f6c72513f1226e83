package io.tandem.scheduler.kv;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.kv.KvSlotAllocator.Lease;
import io.tandem.scheduler.kv.KvSlotAllocator.Prefix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class KvSlotAllocatorTest {
    private static final CacheKey BASE = CacheKey.BASE;
    private static final CacheKey OTHER = CacheKey.of(List.of(hash("0")));

    /** Of the base, of adapters that act on whole texts, and of those that act from a token on. */
    private static final List<CacheKey> KEYS = List.of(
            BASE,
            OTHER,
            new CacheKey(Map.of(hash("1"), 9)),
            new CacheKey(Map.of(hash("1"), 30)),
            new CacheKey(Map.of(hash("0"), 0, hash("1"), 20)));

    /** Hashes that differ in their last digit alone. */
    private static ContentHash hash(String lastDigit) {
        return new ContentHash("7".repeat(63) + lastDigit);
    }

    /** What every prompt begins with, then so many tokens of one conversation. */
    private static int[] conversation(int id, int length) {
        return IntStream.concat(IntStream.of(1), IntStream.range(0, length).map(i -> 1000 * id + i))
                .toArray();
    }

    /** Runs a prompt to its end; how much of it was there. */
    private static int run(KvSlotAllocator kv, int[] tokens) {
        Lease lease = kv.lease(tokens, BASE).orElseThrow();
        kv.release(lease.slot(), tokens, BASE);
        kv.checkIntegrity();
        return lease.cachedTokens();
    }

    @Test
    void adaptersWhoseHashesBeginAlikeShareNothing() {
        KvSlotAllocator kv = new KvSlotAllocator(2, 1024);
        int[] tokens = conversation(1, 100);
        kv.release(kv.lease(tokens, OTHER).orElseThrow().slot(), tokens, OTHER);
        CacheKey similar = CacheKey.of(List.of(hash("1")));
        assertThat(kv.longestPrefix(tokens, similar).tokens()).isZero();
        assertThat(kv.lease(tokens, similar).orElseThrow().cachedTokens()).isZero();
    }

    @Test
    void conversationsThatBeginAlikeKeepTheirMemory() {
        KvSlotAllocator kv = new KvSlotAllocator(32, 32 * 1024);
        run(kv, conversation(1, 500));
        run(kv, conversation(2, 20));
        for (int turn = 1; turn < 10; turn++) {
            assertThat(run(kv, conversation(1, 500 + turn))).isEqualTo(500 + turn);
            assertThat(run(kv, conversation(2, 20 + turn))).isEqualTo(20 + turn);
        }
    }

    @Test
    void withoutAnEmptySlotTheLongestUnusedMakesWay() {
        KvSlotAllocator kv = new KvSlotAllocator(3, 4096);
        run(kv, conversation(1, 100));
        run(kv, conversation(2, 30));
        run(kv, conversation(3, 100));
        run(kv, conversation(1, 101));
        assertThat(run(kv, conversation(4, 50))).isEqualTo(1);
        assertThat(run(kv, conversation(1, 102))).isEqualTo(102);
        assertThat(run(kv, conversation(3, 101))).isEqualTo(101);
    }

    @Test
    void whileThereIsRoomNothingIsErasedForASharedBeginning() {
        KvSlotAllocator kv = new KvSlotAllocator(3, 4096);
        int[] chat = conversation(1, 500);
        int[] edited = Arrays.copyOf(chat, 600);
        Arrays.fill(edited, 490, 600, 7);
        run(kv, chat);
        assertThat(kv.longestPrefix(edited, BASE).tokens()).isEqualTo(490);
        assertThat(run(kv, edited)).isZero();
        assertThat(run(kv, conversation(1, 510))).isEqualTo(501);
        assertThat(kv.longestPrefix(edited, BASE).tokens()).isEqualTo(600);
        assertThat(kv.longestPrefix(edited, OTHER).tokens()).isZero();
    }

    @Test
    void keysOfOtherVersionsAreNeverUsed() {
        KvSlotAllocator kv = new KvSlotAllocator(2, 4096);
        int[] tokens = conversation(1, 50);
        Lease lease = kv.lease(tokens, OTHER).orElseThrow();
        kv.release(lease.slot(), tokens, OTHER);
        assertThat(kv.lease(tokens, BASE).orElseThrow().cachedTokens()).isZero();
        assertThat(kv.lease(tokens, OTHER).orElseThrow().cachedTokens()).isEqualTo(50);
    }

    @Test
    void whatIsBeforeAnActivationIsTheBases() {
        CacheKey from20 = new CacheKey(Map.of(hash("1"), 20));
        assertThat(from20.shared(BASE)).isEqualTo(20).isEqualTo(BASE.shared(from20));
        assertThat(from20.shared(new CacheKey(Map.of(hash("1"), 30)))).isEqualTo(20);
        assertThat(from20.shared(new CacheKey(Map.of(hash("2"), 7)))).isEqualTo(7);
        assertThat(from20.shared(OTHER)).isZero();
        assertThat(from20.shared(from20)).isEqualTo(Integer.MAX_VALUE);
        KvSlotAllocator kv = new KvSlotAllocator(2, 4096);
        int[] tokens = conversation(1, 50);
        kv.release(kv.lease(tokens, BASE).orElseThrow().slot(), tokens, BASE);
        assertThat(kv.longestPrefix(tokens, from20).tokens()).isEqualTo(20);
    }

    /** Against what a slot has really been given; leases fail exactly when slots or the budget are used up. */
    @Property(tries = 200)
    void whatIsSaidToBeThereIsThere(@ForAll Random random) {
        int slots = 1 + random.nextInt(5);
        int budget = 16 * (1 + random.nextInt(20));
        KvSlotAllocator kv = new KvSlotAllocator(slots, budget);
        Map<Integer, int[]> content = new HashMap<>();
        Map<Integer, CacheKey> owner = new HashMap<>();
        List<Integer> leased = new ArrayList<>();
        for (int round = 0; round < 200; round++) {
            if (leased.isEmpty() || random.nextBoolean()) {
                int[] tokens = conversation(random.nextInt(3), random.nextInt(60));
                CacheKey versions = KEYS.get(random.nextInt(KEYS.size()));
                boolean fits = kv.fits(tokens.length);
                Prefix best = kv.longestPrefix(tokens, versions);
                if (best.tokens() > 0) {
                    assertThat(leased).doesNotContain(best.slot());
                    assertThat(owner.get(best.slot()).shared(versions)).isGreaterThanOrEqualTo(best.tokens());
                    assertThat(Arrays.copyOf(content.get(best.slot()), best.tokens()))
                            .isEqualTo(Arrays.copyOf(tokens, best.tokens()));
                }
                int pages = (tokens.length + 15) / 16;
                assertThat(fits).isEqualTo(leased.size() < slots && kv.leasedTokens() / 16 + pages <= budget / 16);
                Optional<Lease> lease = kv.lease(tokens, versions);
                assertThat(lease.isPresent()).isEqualTo(fits);
                lease.ifPresent(got -> {
                    int cached = got.cachedTokens();
                    assertThat(cached).isLessThan(tokens.length);
                    if (cached > 0) {
                        assertThat(owner.get(got.slot()).shared(versions)).isGreaterThanOrEqualTo(cached);
                        assertThat(Arrays.copyOf(content.get(got.slot()), cached))
                                .isEqualTo(Arrays.copyOf(tokens, cached));
                    }
                    content.put(got.slot(), tokens);
                    owner.put(got.slot(), versions);
                    leased.add(got.slot());
                });
            } else {
                int slot = leased.remove(random.nextInt(leased.size()));
                kv.release(slot, content.get(slot), owner.get(slot));
            }
            kv.checkIntegrity();
            assertThat(kv.freeSlots()).isEqualTo(slots - leased.size());
        }
    }
}
