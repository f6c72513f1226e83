package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.FileStore;
import io.tandem.server.tenant.Tenants;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the files of a tenant may take, those included that other threads are adding. */
public final class FileRoom {
    private final Tenants tenants;
    /** Bytes of files that are being added. */
    private final Map<TenantId, Long> arriving = new HashMap<>();

    FileRoom(Tenants tenants) {
        this.tenants = tenants;
    }

    /** Adds a file. */
    interface Adding {
        ObjectNode file() throws IOException;
    }

    /**
     * Adds a file if there is room for it.
     *
     * @throws ApiException if there is none
     */
    ObjectNode add(TenantId tenant, FileStore own, long bytes, Adding adding) throws IOException {
        // Whatever is added from here on is seen by others, here or among the files.
        long others = arrives(tenant, bytes) - bytes;
        try {
            requireRoom(tenant, own, others, bytes);
            return adding.file();
        } finally {
            arrives(tenant, -bytes);
        }
    }

    /** @return what arrives now */
    private synchronized long arrives(TenantId tenant, long bytes) {
        long all = arriving.merge(tenant, bytes, Long::sum);
        if (all == 0) {
            arriving.remove(tenant);
        }
        return all;
    }

    private void requireRoom(TenantId tenant, FileStore own, long others, long bytes) throws IOException {
        @Nullable Long most = tenants.quota(tenant).fileBytes();
        if (most == null) {
            return;
        }
        long used = others
                + own.list().stream()
                        .mapToLong(file -> file.path("bytes").asLong())
                        .sum();
        if (used + bytes > most) {
            throw ApiException.quotaExceeded("The files of this project have " + used + " bytes, this one has " + bytes
                    + ", and its quota is " + most + "; delete some.");
        }
    }
}
