package io.tandem.server.tenant;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.util.regex.Pattern;

/** Tenants and keys as OpenAI's admin API shows them. */
final class TenantJson {
    private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

    private TenantJson() {}

    static ObjectNode project(Tenant tenant) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("id", tenant.id());
        json.put("object", "organization.project");
        json.put("name", tenant.name());
        json.put("created_at", tenant.createdAt());
        json.put("archived_at", tenant.archivedAt());
        json.put("status", tenant.active() ? "active" : "archived");
        json.set("quota", tenant.quota().json());
        return json;
    }

    static ObjectNode key(TenantKey key) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("id", key.id());
        json.put("object", "organization.project.api_key");
        json.put("name", key.name());
        json.put("role", key.role());
        json.put("redacted_value", key.redacted());
        json.put("created_at", key.createdAt());
        json.put("last_used_at", key.lastUsedAt());
        return json;
    }

    /** @throws IllegalArgumentException if a file has what no server writes */
    static void requireReadable(TenantKey key) {
        if (Role.of(key.role()).isEmpty() || !HASH.matcher(key.hash()).matches()) {
            throw new IllegalArgumentException("its key " + key.id() + " cannot be one");
        }
    }
}
