package io.tandem.server.storage;

import io.tandem.server.api.TenantId;
import java.util.regex.Pattern;

/** Where blobs are. Those of the default tenant are where servers without tenants left them. */
final class Keys {
    private static final Pattern BLOB = Pattern.compile("store/id"
            + "|(tenants/[^/]+/)?(files/[^/]+/content|adapters/[^/]+/[^/]+)"
            + "|jobs/[^/]+/(base|(files|under|controls)/[^/]+|(trial-[0-9]+/)?checkpoints/[^/]+)"
            + "|batches/[^/]+/input");

    private Keys() {}

    /** Whether a key is that of a blob, and not only the beginning of some, or of something else in the data directory. */
    static boolean isBlob(String key) {
        return BLOB.matcher(key).matches();
    }

    /** The beginning of the keys of a tenant's files. */
    static String files(TenantId tenant) {
        return folder(tenant) + "files/";
    }

    /** The beginning of the keys of a tenant's adapters. */
    static String adapters(TenantId tenant) {
        return folder(tenant) + "adapters/";
    }

    /** The key of a job, below which are all of its own. */
    static String job(String id) {
        return "jobs/" + id;
    }

    static String batch(String id) {
        return "batches/" + id;
    }

    private static String folder(TenantId tenant) {
        return tenant.isDefault() ? "" : "tenants/" + tenant.value() + "/";
    }
}
