package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.StoredJson;
import java.io.IOException;
import java.util.ArrayList;
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
        List<ObjectNode> tenants = new ArrayList<>();
        for (Documents.Document document : storage.list(COLLECTION, "")) {
            String id = document.body().path("id").asText();
            if (TenantId.isOne(id) && id.equals(document.id())) {
                tenants.add(document.body());
            } else {
                StoredJson.report(COLLECTION + " " + document.id(), "it is not a tenant of this name");
            }
        }
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
