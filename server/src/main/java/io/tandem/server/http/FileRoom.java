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

    /** Files of a tenant that are being added. */
    private static final class Arriving {
        private long bytes;

        /** Whatever is added from here on is seen by others, here or among the files. */
        synchronized void reserve(long more, Check check) throws IOException {
            check.require(bytes);
            bytes += more;
        }

        synchronized void leave(long fewer) {
            bytes -= fewer;
        }
    }

    private interface Check {
        void require(long others) throws IOException;
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
        Arriving others = arriving.computeIfAbsent(tenant, none -> new Arriving());
        others.reserve(bytes, coming -> requireRoom(tenant, own, coming, bytes));
        try {
            return adding.file();
        } finally {
            others.leave(bytes);
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
