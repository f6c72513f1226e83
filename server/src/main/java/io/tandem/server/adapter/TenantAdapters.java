package io.tandem.server.adapter;

import io.tandem.server.api.TenantId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The adapters of all tenants; whoever wants one has to say whose. A name means nothing outside its tenant. */
public final class TenantAdapters implements AutoCloseable {
    private final LibraryResources resources;
    private final Opening opening;
    private final Map<TenantId, Adapters> open = new ConcurrentHashMap<>();

    /** Reads what there is of a tenant. */
    public interface Opening {
        Adapters open(TenantId tenant) throws IOException;
    }

    /** @param resources of all that are opened */
    public TenantAdapters(LibraryResources resources, Opening opening) {
        this.resources = resources;
        this.opening = opening;
    }

    /** Reads the manifests of a tenant when it is asked for it first; a new tenant has none. */
    public Adapters of(TenantId tenant) {
        return open.computeIfAbsent(tenant, owner -> {
            try {
                return opening.open(owner);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** Those that have been asked for. */
    public Collection<Adapters> all() {
        return List.copyOf(open.values());
    }

    @Override
    public void close() {
        all().forEach(adapters -> adapters.sources().close());
        resources.close();
    }
}
