package io.tandem.server.tenant;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;

/**
 * Who sends a request.
 *
 * @param tenant whose objects the request can see
 * @param role what it may do with them
 */
public record Principal(TenantId tenant, Role role) {
    /** Runs the server: everybody as long as there is no key, and afterwards admins of the default tenant. */
    public static final Principal OPERATOR = new Principal(TenantId.DEFAULT, Role.ADMIN);

    public boolean isOperator() {
        return equals(OPERATOR);
    }

    /** @throws ApiException if this is not one of those who run the server */
    public void requireDefaultTenant() {
        if (!tenant.isDefault()) {
            throw new ApiException(
                    403,
                    "invalid_request_error",
                    null,
                    "insufficient_permissions",
                    "Only keys of the project 'default' may do this.");
        }
    }

    /** Whether a tenant's keys and settings are this one's to see. */
    public boolean administers(TenantId other) {
        return isOperator() || (role == Role.ADMIN && tenant.equals(other));
    }
}
