package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.document.Change;
import java.io.IOException;
import java.time.LocalDate;
import java.util.Optional;

/** What tenants have used, a document for each tenant and day. */
public final class UsageStore {
    static final String COLLECTION = "usage";

    private final Storage storage;

    public UsageStore(Storage storage) {
        this.storage = storage;
    }

    /** Empty if nothing was saved, or if that is damaged, which is reported. */
    public Optional<ObjectNode> load(TenantId tenant, LocalDate day) throws IOException {
        return storage.get(COLLECTION, id(tenant, day));
    }

    /** Writes a day; when this returns it survives a crash. */
    public void save(TenantId tenant, LocalDate day, ObjectNode usage) throws IOException {
        storage.write(new Change.Put(COLLECTION, id(tenant, day), usage));
    }

    static String id(TenantId tenant, LocalDate day) {
        return tenant.value() + "/" + day;
    }
}
