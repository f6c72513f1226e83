package io.tandem.scheduler.adapter;

import io.tandem.kernels.adapter.Adapter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Which version each adapter name means now. Safe from any thread. */
public final class AdapterRegistry {
    private final Map<String, AdapterVersion> current = new ConcurrentHashMap<>();
    private final AtomicLong nextVersion = new AtomicLong(1);

    /** Makes new requests for the name use this adapter; running ones finish on the version they started with. */
    public AdapterVersion publish(String name, Adapter adapter) {
        return publish(name, adapter, List.of());
    }

    /** The same for an adapter that stands on others. */
    public AdapterVersion publish(String name, Adapter adapter, List<AdapterVersion> under) {
        AdapterVersion version = new AdapterVersion(name, nextVersion.getAndIncrement(), adapter, under);
        current.put(name, version);
        return version;
    }

    /** A version that requests cannot ask for by its name, to stand under others. */
    public AdapterVersion hidden(String name, Adapter adapter) {
        return new AdapterVersion(name, nextVersion.getAndIncrement(), adapter);
    }

    /** Makes the name unknown to new requests; false if it was unknown already. */
    public boolean withdraw(String name) {
        return current.remove(name) != null;
    }

    public Optional<AdapterVersion> find(String name) {
        return Optional.ofNullable(current.get(name));
    }

    /** All names, sorted. */
    public Set<String> names() {
        return new TreeSet<>(current.keySet());
    }
}
