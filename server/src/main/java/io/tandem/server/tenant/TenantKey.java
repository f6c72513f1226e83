package io.tandem.server.tenant;

import org.jspecify.annotations.Nullable;

/**
 * A key as it is kept: with its hash, from which nobody can tell the key.
 *
 * @param id for people; no secret
 * @param name that somebody gave it
 * @param role a {@link Role#label}
 * @param hash SHA-256 in hexadecimal digits
 * @param redacted beginning and end of the key, to recognise it by
 * @param createdAt in seconds since 1970
 * @param lastUsedAt the same; null if it never was
 */
record TenantKey(
        String id,
        String name,
        String role,
        String hash,
        String redacted,
        long createdAt,
        @Nullable Long lastUsedAt) {
    TenantKey usedAt(long seconds) {
        return new TenantKey(id, name, role, hash, redacted, createdAt, seconds);
    }
}
