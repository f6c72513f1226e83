package io.tandem.server.storage;

import io.tandem.server.api.TenantId;
import java.io.IOException;

/** The uploaded files of all tenants; whoever wants one has to say whose. */
public final class TenantFiles {
    private final Storage storage;

    public TenantFiles(Storage storage) {
        this.storage = storage;
    }

    public FileStore of(TenantId tenant) {
        return new FileStore(storage, tenant);
    }

    /** Deletes all files that have expired, whosever they are. */
    public void deleteExpired(Iterable<TenantId> tenants) throws IOException {
        for (TenantId tenant : tenants) {
            of(tenant).deleteExpired();
        }
    }
}
