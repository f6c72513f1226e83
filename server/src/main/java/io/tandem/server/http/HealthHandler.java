package io.tandem.server.http;

import io.vertx.ext.web.RoutingContext;
import java.util.function.BooleanSupplier;

/** {@code /health} says whether the engine works, {@code /ready} whether to send requests. */
final class HealthHandler {
    private final BooleanSupplier healthy;
    private final BooleanSupplier ready;

    HealthHandler(BooleanSupplier healthy, BooleanSupplier ready) {
        this.healthy = healthy;
        this.ready = ready;
    }

    void health(RoutingContext context) {
        answer(context, healthy.getAsBoolean());
    }

    void ready(RoutingContext context) {
        answer(context, healthy.getAsBoolean() && ready.getAsBoolean());
    }

    private static void answer(RoutingContext context, boolean well) {
        context.response().setStatusCode(well ? 200 : 503).end();
    }
}
