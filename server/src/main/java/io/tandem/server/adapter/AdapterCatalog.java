package io.tandem.server.adapter;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import java.time.Clock;
import java.util.Collection;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Names and versions of all adapters, in memory, and when each was last asked for. Any thread may read it without
 * waiting; only the library's writing thread changes it.
 */
final class AdapterCatalog {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterCatalog.class);

    private final Clock clock;
    private final Map<String, AdapterEntry> entries = new ConcurrentHashMap<>();
    private final Map<String, Long> lastUse = new ConcurrentHashMap<>();

    AdapterCatalog(Clock clock) {
        this.clock = clock;
    }

    /** Adds an adapter of an earlier run; one whose manifest is damaged is only reported. */
    void restore(String name, ObjectNode manifest) {
        try {
            AdapterEntry entry = JsonBody.MAPPER.treeToValue(manifest, AdapterEntry.class);
            if (!name.equals(entry.name())) {
                throw new IllegalArgumentException("its manifest is that of '" + entry.name() + "'");
            }
            // Malformed hashes are found here rather than by the first request.
            Set<ContentHash> contents =
                    entry.versions().stream().flatMap(StoredVersion::contents).collect(Collectors.toSet());
            if (contents.isEmpty()) {
                throw new IllegalArgumentException("it has no version");
            }
            put(entry);
        } catch (JsonProcessingException | RuntimeException e) {
            LOG.warn("adapter {} is not served: {}", name, e.getMessage());
        }
    }

    void put(AdapterEntry entry) {
        entries.put(entry.name(), entry);
        lastUse.putIfAbsent(entry.name(), clock.millis());
    }

    void remove(String name) {
        entries.remove(name);
        lastUse.remove(name);
    }

    SortedSet<String> names() {
        return new TreeSet<>(entries.keySet());
    }

    Collection<AdapterEntry> all() {
        return entries.values();
    }

    Optional<AdapterEntry> find(String name) {
        return Optional.ofNullable(entries.get(name));
    }

    /** @throws ApiException if there is no adapter of this name */
    AdapterEntry require(String name) {
        return find(name)
                .orElseThrow(
                        () -> ApiException.notFound("id", "adapter_not_found", "There is no adapter '" + name + "'."));
    }

    /** Whether a version that was chosen before is still there. */
    boolean has(AdapterChoice choice) {
        return find(choice.name())
                .filter(entry -> entry.has(choice.version().content()))
                .isPresent();
    }

    /** See {@link AdapterLibrary#choose}. */
    Optional<AdapterChoice> choose(String reference, String key) {
        AdapterReference wanted = AdapterReference.parse(reference, entries::containsKey);
        Optional<AdapterChoice> chosen = find(wanted.name())
                .flatMap(entry -> wanted.hash().map(entry::version).orElseGet(() -> Optional.of(entry.choose(key))))
                .map(version -> new AdapterChoice(wanted.name(), version, wanted.ranks()));
        chosen.ifPresent(choice -> touch(choice.name()));
        return chosen;
    }

    /** Somebody asks for an adapter. */
    void touch(String name) {
        lastUse.put(name, clock.millis());
    }

    /** How long nobody has asked for an adapter. */
    long idleMillis(String name) {
        return clock.millis() - Objects.requireNonNullElse(lastUse.get(name), clock.millis());
    }

    /** Of all versions of all adapters. */
    long bytesOnDisk() {
        return entries.values().stream()
                .flatMap(entry -> entry.versions().stream())
                .mapToLong(StoredVersion::bytes)
                .sum();
    }
}
