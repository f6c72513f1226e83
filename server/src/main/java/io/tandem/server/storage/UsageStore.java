package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.TenantId;
import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.Optional;

/** What tenants have used, on disk: a file for each tenant and day. */
public final class UsageStore {
    private final Path root;

    /** @param root with a folder for each tenant */
    public UsageStore(Path root) {
        this.root = root;
    }

    /** Empty if nothing was saved, or if that is damaged, which is reported. */
    public Optional<ObjectNode> load(TenantId tenant, LocalDate day) {
        return StoredJson.read(file(tenant, day));
    }

    /** Writes a day; when this returns it survives a crash. */
    public void save(TenantId tenant, LocalDate day, ObjectNode usage) throws IOException {
        AtomicFiles.write(file(tenant, day), usage.toPrettyString());
    }

    private Path file(TenantId tenant, LocalDate day) {
        return root.resolve(tenant.value()).resolve("usage").resolve(day + ".json");
    }
}
