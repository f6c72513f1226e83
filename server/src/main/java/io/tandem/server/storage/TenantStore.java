package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Tenants on disk, a folder each. */
public final class TenantStore {
    private static final String OBJECT = "tenant.json";

    private final Path root;

    public TenantStore(Path root) {
        this.root = root;
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
        boolean damaged = false;
        for (Path directory : AtomicFiles.directories(root, TenantId::isOne)) {
            Path file = directory.resolve(OBJECT);
            Optional<ObjectNode> tenant = StoredJson.read(file)
                    .filter(object -> object.path("id")
                            .asText()
                            .equals(directory.getFileName().toString()));
            tenant.ifPresent(tenants::add);
            // A crash before a tenant's first write leaves a folder without a file.
            if (tenant.isEmpty() && Files.exists(file)) {
                StoredJson.report(directory.toString(), "its " + OBJECT + " is not that of a tenant");
                damaged = true;
            }
        }
        return new Loaded(tenants, damaged);
    }

    /** Writes a tenant; when this returns it survives a crash. */
    public void save(ObjectNode tenant) throws IOException {
        TenantId id = new TenantId(tenant.path("id").asText());
        AtomicFiles.write(root.resolve(id.value()).resolve(OBJECT), tenant.toPrettyString());
    }
}
