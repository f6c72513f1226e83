package io.tandem.server.http;

import io.tandem.server.operation.Readiness;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.util.Set;

/** {@code /health} says whether the engine works, {@code /ready} whether to send requests, and if not why not. */
final class HealthHandler {
    private static final Set<HttpMethod> LOOKING = Set.of(HttpMethod.GET, HttpMethod.HEAD);

    private final Readiness readiness;

    HealthHandler(Readiness readiness) {
        this.readiness = readiness;
    }

    void health(RoutingContext context) {
        context.response().setStatusCode(readiness.healthy() ? 200 : 503).end();
    }

    void ready(RoutingContext context) {
        readiness.refusal().ifPresent(refusal -> {
            throw refusal;
        });
        context.end();
    }

    /**
     * Once the server drains, turns away all that would begin something, and ends connections with their next answer, so
     * that clients connect to another server. Whoever only looks may.
     */
    void admit(RoutingContext context) {
        if (readiness.draining()) {
            context.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
            if (!LOOKING.contains(context.request().method())) {
                readiness.refusal().ifPresent(refusal -> {
                    throw refusal;
                });
            }
        }
        context.next();
    }
}
