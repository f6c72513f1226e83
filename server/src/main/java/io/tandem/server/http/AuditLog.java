package io.tandem.server.http;

import io.tandem.server.tenant.Caller;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.SecurityPolicyHandler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A line for each attempt to do what only admins may: who, what, and what came of it. */
final class AuditLog {
    private static final Logger LOG = LoggerFactory.getLogger("audit");

    private AuditLog() {}

    /** Follows a request from whom it is known. Who only looks changes nothing. */
    static SecurityPolicyHandler follow() {
        return context -> {
            HttpMethod method = context.request().method();
            if (!method.equals(HttpMethod.GET) && !method.equals(HttpMethod.HEAD)) {
                context.addHeadersEndHandler(answered -> write(context, KeyHandler.known(context)));
            }
            context.next();
        };
    }

    private static void write(RoutingContext context, Caller caller) {
        String tenant = caller.principal().tenant().value();
        String request = RequestIds.of(context.request());
        int status = context.response().getStatusCode();
        LOG.atInfo()
                .addKeyValue("tenant", tenant)
                .addKeyValue("key", caller.id())
                .addKeyValue("role", caller.principal().role().label())
                .addKeyValue("method", context.request().method().name())
                .addKeyValue("path", context.request().path())
                .addKeyValue("status", status)
                .addKeyValue(RequestIds.FIELD, request)
                .log(
                        "key {} of {}: {} {} {} request {}",
                        caller.id(),
                        tenant,
                        context.request().method(),
                        context.request().path(),
                        status,
                        request);
    }
}
