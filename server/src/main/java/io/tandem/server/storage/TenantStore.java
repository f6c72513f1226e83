package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.document.Change;
import java.io.IOException;
import java.util.List;

/** Stored tenants. */
public final class TenantStore {
    static final String COLLECTION = "tenants";

    private final Storage storage;

    public TenantStore(Storage storage) {
        this.storage = storage;
    }

    /**
     * What is there.
     *
     * @param damaged whether there are more, which cannot be read
     */
    public record Loaded(List<ObjectNode> tenants, boolean damaged) {}

    /** All tenants; a broken one is reported and left alone. */
    public Loaded loadAll() throws IOException {
        List<ObjectNode> tenants = storage.loadAll(COLLECTION, TenantId::isOne);
        return new Loaded(
                tenants,
                tenants.size() < storage.documents().ids(COLLECTION, "").size());
    }

    /** Writes a tenant; when this returns it survives a crash. */
    public void save(ObjectNode tenant) throws IOException {
        TenantId id = new TenantId(tenant.path("id").asText());
        storage.write(new Change.Put(COLLECTION, id.value(), tenant));
    }
}
