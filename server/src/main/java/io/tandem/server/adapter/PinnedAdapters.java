package io.tandem.server.adapter;

import io.tandem.scheduler.adapter.AdapterVersion;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which versions are held in memory and on the device. Belongs to the library's writing thread. */
final class PinnedAdapters {
    private static final Logger LOG = LoggerFactory.getLogger(PinnedAdapters.class);

    private final HostCache cache;
    private final AdapterPins device;
    private final Map<String, Held> held = new HashMap<>();

    private record Held(AdapterChoice choice, AdapterVersion version) {}

    PinnedAdapters(HostCache cache, AdapterPins device) {
        this.cache = cache;
        this.device = device;
    }

    /**
     * Holds this version of a name, and no other of it.
     *
     * @param wanted empty to hold none
     * @param load waits for the weights
     */
    void hold(
            String name,
            Optional<AdapterChoice> wanted,
            Function<AdapterChoice, CompletableFuture<AdapterVersion>> load) {
        Held before = held.get(name);
        boolean stays = before != null
                && wanted.map(AdapterChoice::key)
                        .equals(Optional.of(before.choice().key()));
        if (stays) {
            return;
        }
        // The new one comes first: there is no moment in which none is pinned.
        wanted.ifPresent(choice -> pin(choice, load));
        if (before != null) {
            held.remove(name, before);
            cache.unpin(before.choice().key());
            // The same content may be pinned under another name too.
            if (held.values().stream()
                    .noneMatch(other ->
                            other.version().hash().equals(before.version().hash()))) {
                device.unpin(before.version());
            }
        }
    }

    private void pin(AdapterChoice choice, Function<AdapterChoice, CompletableFuture<AdapterVersion>> load) {
        try {
            AdapterVersion version = load.apply(choice).join();
            cache.pin(choice.key(), version);
            held.put(choice.name(), new Held(choice, version));
            device.pin(version);
        } catch (CompletionException e) {
            LOG.warn("the pinned adapter {} cannot be loaded", choice.reference(), e);
        }
    }
}
