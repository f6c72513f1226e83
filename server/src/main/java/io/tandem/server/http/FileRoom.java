package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.FileStore;
import io.tandem.server.tenant.Tenants;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** What the files of a tenant may take, those included that other threads are adding. */
public final class FileRoom {
    private final Tenants tenants;
    private final Map<TenantId, Arriving> arriving = new ConcurrentHashMap<>();

    /** What is being added to the files of a tenant; locked while it changes. */
    private static final class Arriving {
        long bytes;
    }

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
        Arriving all = arriving.computeIfAbsent(tenant, none -> new Arriving());
        synchronized (all) {
            requireRoom(tenant, own, all.bytes, bytes);
            all.bytes += bytes;
        }
        try {
            return adding.file();
        } finally {
            synchronized (all) {
                all.bytes -= bytes;
            }
        }
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
