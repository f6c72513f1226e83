package io.tandem.server.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class HostCacheTest {
    private static final TinyModel MODEL = TinyModel.of(TinyModel.Variant.LLAMA, 1);

    private final ExecutorService loader = Executors.newFixedThreadPool(4);
    private final AtomicInteger loads = new AtomicInteger();

    @AfterEach
    void stop() {
        loader.shutdownNow();
    }

    private AdapterVersion load(int seed) {
        loads.incrementAndGet();
        var adapter = TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, seed);
        return new AdapterVersion("a" + seed, ContentHash.of(adapter), new PreparedAdapter(adapter, new TreeMap<>()));
    }

    private AdapterVersion get(HostCache cache, int seed) {
        return cache.get("a" + seed, loader, () -> load(seed)).join();
    }

    @Test
    void whoAsksWhileItIsReadWaitsForTheSameReading() throws Exception {
        HostCache cache = new HostCache(1 << 30);
        CountDownLatch all = new CountDownLatch(1);
        List<CompletableFuture<AdapterVersion>> answers = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            answers.add(CompletableFuture.supplyAsync(() -> cache.get("a1", loader, () -> {
                        try {
                            all.await();
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                        return load(1);
                    }))
                    .get());
        }
        all.countDown();
        for (CompletableFuture<AdapterVersion> answer : answers) {
            assertThat(answer.get()).isSameAs(answers.get(0).get());
        }
        assertThat(loads).hasValue(1);
        assertThat(cache.misses()).isEqualTo(1);
        assertThat(cache.hits()).isEqualTo(19);
    }

    @Test
    void aFailureIsNotRemembered() {
        HostCache cache = new HostCache(1 << 30);
        CompletableFuture<AdapterVersion> failed = cache.get("a1", loader, () -> {
            throw new IllegalStateException("broken");
        });
        assertThatThrownBy(failed::join).hasMessageContaining("broken");
        assertThat(get(cache, 1)).isNotNull();
    }

    @Test
    void whatARequestHoldsIsFoundAgainHoweverSmallTheBudget() {
        HostCache cache = new HostCache(0);
        AdapterVersion held = get(cache, 1);
        assertThat(cache.bytes()).isZero();
        assertThat(get(cache, 1)).isSameAs(held);
        assertThat(loads).hasValue(1);
    }

    @Test
    void whatIsPinnedStaysUntilItIsUnpinned() {
        HostCache cache = new HostCache(0);
        cache.pin("a1", get(cache, 1));
        for (int i = 0; i < 20; i++) {
            System.gc();
            get(cache, 1);
        }
        assertThat(loads).hasValue(1);
    }

    @Test
    void whatIsRememberedNeverExceedsTheBudget() {
        long budget = 100 << 10;
        HostCache cache = new HostCache(budget);
        for (int seed = 0; seed < 30; seed++) {
            get(cache, seed);
            assertThat(cache.bytes()).isLessThanOrEqualTo(budget);
        }
        assertThat(cache.bytes()).isPositive();
    }

    @Test
    void whatWasDeletedIsReadAgain() {
        HostCache cache = new HostCache(1 << 30);
        get(cache, 1);
        cache.remove("a1");
        assertThat(cache.contains("a1")).isFalse();
        get(cache, 1);
        assertThat(loads).hasValue(2);
    }
}
