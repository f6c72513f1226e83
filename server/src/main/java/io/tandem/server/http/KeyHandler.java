package io.tandem.server.http;

import io.tandem.server.access.Tokens;
import io.tandem.server.api.ApiException;
import io.tandem.server.tenant.Caller;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.Role;
import io.tandem.server.tenant.Tenants;
import io.vertx.core.Future;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.SecurityPolicyHandler;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Finds out who sends a request, by the key or token in {@code Authorization: Bearer KEY}. Without any key there is one
 * caller.
 */
final class KeyHandler implements SecurityPolicyHandler {
    private static final String SCHEME = "Bearer ";
    /** Of a {@link Caller} in a context. */
    static final String CALLER = "caller";

    private final Tenants tenants;
    private final Optional<Tokens> tokens;
    private final AccessLog log;

    KeyHandler(Tenants tenants, Optional<Tokens> tokens, AccessLog log) {
        this.tenants = tenants;
        this.log = log;
        this.tokens = tokens;
    }

    @Override
    public void handle(RoutingContext context) {
        Future<Caller> caller = tenants.locked() ? identify(context) : Future.succeededFuture(Caller.ANONYMOUS);
        if (caller.isComplete()) {
            goOn(context, caller);
            return;
        }
        // Nobody reads the body yet.
        context.request().pause();
        caller.onComplete(found -> {
            context.request().resume();
            goOn(context, caller);
        });
    }

    private void goOn(RoutingContext context, Future<Caller> caller) {
        if (caller.succeeded()) {
            context.put(CALLER, caller.result());
            log.known(context.request(), caller.result());
            context.next();
        } else {
            context.fail(caller.cause());
        }
    }

    private Future<Caller> identify(RoutingContext context) {
        List<String> sent = context.request().headers().getAll(HttpHeaders.AUTHORIZATION);
        if (sent.isEmpty()) {
            throw refusal("This server needs an API key; send it as 'Authorization: Bearer KEY'.");
        }
        String only = sent.size() == 1 ? sent.get(0) : "";
        if (!only.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            throw refusal("The header 'Authorization' has to be sent once, as 'Authorization: Bearer KEY'.");
        }
        String key = only.substring(SCHEME.length()).strip();
        Optional<Caller> known = tenants.find(key);
        if (known.isPresent()) {
            return Future.succeededFuture(known.get());
        }
        return tokens.filter(any -> Tokens.hasForm(key))
                .map(issued -> issued.verify(key))
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
        return known(context).principal();
    }

    static Caller known(RoutingContext context) {
        return Objects.requireNonNull(context.<Caller>get(CALLER), "the route is before the keys");
    }

    private static ApiException refusal(String message) {
        return ErrorMapper.wrong(401, "invalid_api_key", message);
    }
}
