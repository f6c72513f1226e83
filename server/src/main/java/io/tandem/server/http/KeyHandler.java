package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.Role;
import io.tandem.server.tenant.Tenants;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.SecurityPolicyHandler;
import java.util.List;
import java.util.Objects;

/** Finds out who sends a request, by the key in {@code Authorization: Bearer KEY}. Without any key there is one caller. */
final class KeyHandler implements SecurityPolicyHandler {
    private static final String SCHEME = "Bearer ";
    private static final String CALLER = "caller";

    private final Tenants tenants;

    KeyHandler(Tenants tenants) {
        this.tenants = tenants;
    }

    @Override
    public void handle(RoutingContext context) {
        context.put(CALLER, tenants.locked() ? caller(context, tenants) : Principal.OPERATOR);
        context.next();
    }

    private static Principal caller(RoutingContext context, Tenants tenants) {
        List<String> sent = context.request().headers().getAll(HttpHeaders.AUTHORIZATION);
        if (sent.isEmpty()) {
            throw refusal("This server needs an API key; send it as 'Authorization: Bearer KEY'.");
        }
        String only = sent.size() == 1 ? sent.get(0) : "";
        if (!only.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            throw refusal("The API key is not one of this server.");
        }
        return tenants.find(only.substring(SCHEME.length()).strip())
                .orElseThrow(() -> refusal("The API key is not one of this server."));
    }

    /** Lets those pass whose key has a role. */
    static SecurityPolicyHandler requiring(Role role) {
        return context -> {
            Principal caller = caller(context);
            if (!caller.role().includes(role)) {
                throw new ApiException(
                        403,
                        "invalid_request_error",
                        null,
                        "insufficient_permissions",
                        "This needs a key with the role '" + role.label() + "'; this one has '"
                                + caller.role().label() + "'.");
            }
            context.next();
        };
    }

    static Principal caller(RoutingContext context) {
        return Objects.requireNonNull(context.<Principal>get(CALLER), "the route is before the keys");
    }

    private static ApiException refusal(String message) {
        return ErrorMapper.wrong(401, "invalid_api_key", message);
    }
}
