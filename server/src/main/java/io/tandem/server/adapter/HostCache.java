package io.tandem.server.adapter;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.tandem.scheduler.adapter.AdapterVersion;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Adapters in memory. The least recently and least frequently used make way when there are more than the budget;
 * pinned ones never do, and one that a request still holds is found again instead of being read twice. Whoever asks
 * while something is read waits for the same reading.
 */
final class HostCache {
    private static final int UNIT_BITS = 10;

    private final Cache<String, AdapterVersion> recent;
    private final Cache<String, AdapterVersion> inUse;
    private final Map<String, AdapterVersion> pinned;
    private final Map<String, CompletableFuture<AdapterVersion>> coming;
    private final AtomicLong hits;
    private final AtomicLong misses;
    private final String owner;

    HostCache(long budgetBytes) {
        this.recent = Caffeine.newBuilder()
                .executor(Runnable::run)
                .maximumWeight(budgetBytes >> UNIT_BITS)
                .weigher((String key, AdapterVersion version) -> weight(version))
                .build();
        this.inUse = Caffeine.newBuilder().executor(Runnable::run).weakValues().build();
        this.pinned = new ConcurrentHashMap<>();
        this.coming = new ConcurrentHashMap<>();
        this.hits = new AtomicLong();
        this.misses = new AtomicLong();
        this.owner = "";
    }

    private HostCache(HostCache whole, String owner) {
        this.recent = whole.recent;
        this.inUse = whole.inUse;
        this.pinned = whole.pinned;
        this.coming = whole.coming;
        this.hits = whole.hits;
        this.misses = whole.misses;
        this.owner = owner;
    }

    /** The same memory with keys that mean something to this owner only. */
    HostCache of(String other) {
        return new HostCache(this, other + "/");
    }

    /**
     * What is in memory under this name, or will be when it is loaded.
     *
     * @param load is called at most once at a time for a name; what it throws is not remembered
     * @param threads where it is called
     */
    CompletableFuture<AdapterVersion> get(String name, Executor threads, Supplier<AdapterVersion> load) {
        String key = owner + name;
        return find(name).orElseGet(() -> {
            CompletableFuture<AdapterVersion> own = new CompletableFuture<>();
            CompletableFuture<AdapterVersion> others = coming.putIfAbsent(key, own);
            if (others != null) {
                hits.incrementAndGet();
                return others;
            }
            // It may have come between the two questions.
            AdapterVersion there = resident(key);
            if (there != null) {
                hits.incrementAndGet();
                coming.remove(key);
                own.complete(there);
            } else {
                misses.incrementAndGet();
                threads.execute(() -> load(key, load, own));
            }
            return own;
        });
    }

    private void load(String key, Supplier<AdapterVersion> load, CompletableFuture<AdapterVersion> own) {
        try {
            AdapterVersion loaded = load.get();
            inUse.put(key, loaded);
            recent.put(key, loaded);
            coming.remove(key);
            own.complete(loaded);
        } catch (RuntimeException | Error e) {
            coming.remove(key);
            own.completeExceptionally(e);
        }
    }

    /** What is in memory under this name, or on its way. */
    Optional<CompletableFuture<AdapterVersion>> find(String name) {
        String key = owner + name;
        AdapterVersion there = resident(key);
        Optional<CompletableFuture<AdapterVersion>> known = there == null
                ? Optional.ofNullable(coming.get(key))
                : Optional.of(CompletableFuture.completedFuture(there));
        known.ifPresent(found -> hits.incrementAndGet());
        return known;
    }

    private @Nullable AdapterVersion resident(String key) {
        AdapterVersion kept = pinned.get(key);
        if (kept != null) {
            return kept;
        }
        AdapterVersion used = recent.getIfPresent(key);
        if (used == null) {
            used = inUse.getIfPresent(key);
            if (used != null) {
                recent.put(key, used);
            }
        }
        return used;
    }

    boolean contains(String name) {
        String key = owner + name;
        return pinned.containsKey(key) || inUse.getIfPresent(key) != null;
    }

    void pin(String name, AdapterVersion version) {
        pinned.put(owner + name, version);
    }

    void unpin(String name) {
        pinned.remove(owner + name);
    }

    /** Forgets what was deleted. */
    void remove(String name) {
        String key = owner + name;
        pinned.remove(key);
        recent.invalidate(key);
        inUse.invalidate(key);
    }

    /** Of what is counted against the budget. */
    long bytes() {
        return recent.policy()
                        .eviction()
                        .flatMap(eviction ->
                                eviction.weightedSize().stream().boxed().findFirst())
                        .orElse(0L)
                << UNIT_BITS;
    }

    /** Adapters in memory, those included that only running requests hold. */
    long count() {
        inUse.cleanUp();
        return inUse.estimatedSize();
    }

    /** Times that a wanted adapter was there or on its way. */
    long hits() {
        return hits.get();
    }

    /** Times that it was not. */
    long misses() {
        return misses.get();
    }

    private static int weight(AdapterVersion version) {
        return Math.toIntExact(1 + (version.prepared().bytes() >> UNIT_BITS));
    }
}
