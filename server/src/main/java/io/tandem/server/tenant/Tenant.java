package io.tandem.server.tenant;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A tenant as it is on disk.
 *
 * @param createdAt in seconds since 1970
 * @param archivedAt the same; null while it is active. The keys of an archived tenant open nothing
 */
record Tenant(
        String id, String name, long createdAt, @Nullable Long archivedAt, Quota quota, List<TenantKey> keys) {
    Tenant {
        keys = List.copyOf(keys);
    }

    boolean active() {
        return archivedAt == null;
    }

    Tenant renamed(String other) {
        return new Tenant(id, other, createdAt, archivedAt, quota, keys);
    }

    Tenant with(Quota other) {
        return new Tenant(id, name, createdAt, archivedAt, other, keys);
    }

    Tenant archived(long now) {
        return new Tenant(id, name, createdAt, now, quota, keys);
    }

    Tenant with(TenantKey key) {
        List<TenantKey> more = new ArrayList<>(keys);
        more.add(key);
        return new Tenant(id, name, createdAt, archivedAt, quota, more);
    }

    Tenant without(String key) {
        return new Tenant(
                id,
                name,
                createdAt,
                archivedAt,
                quota,
                keys.stream().filter(other -> !other.id().equals(key)).toList());
    }

    Tenant withKeys(UnaryOperator<TenantKey> change) {
        return new Tenant(
                id,
                name,
                createdAt,
                archivedAt,
                quota,
                keys.stream().map(change).toList());
    }
}
