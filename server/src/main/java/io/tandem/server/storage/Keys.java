package io.tandem.server.storage;

import io.tandem.server.api.TenantId;

/** Where blobs are. Those of the default tenant are where servers without tenants left them. */
final class Keys {
    private Keys() {}

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
