package io.tandem.server.http;

import io.tandem.server.batch.BatchService;
import io.tandem.server.tenant.Principal;
import io.vertx.ext.web.RoutingContext;

/** {@code /v1/batches}. */
final class BatchesHandler {
    private static final int PAGE = 20;

    private final BatchService batches;

    BatchesHandler(BatchService batches) {
        this.batches = batches;
    }

    void create(RoutingContext context, Principal caller) {
        Json.answer(context, batches.create(caller.tenant(), Json.body(context)));
    }

    void get(RoutingContext context, Principal caller) {
        Json.answer(context, batches.get(caller.tenant(), context.pathParam("batch")));
    }

    void list(RoutingContext context, Principal caller) {
        Json.requireKnown(context);
        Json.answer(context, batches.list(caller.tenant()).thenApply(all -> Json.page(context, all, PAGE)));
    }

    void cancel(RoutingContext context, Principal caller) {
        Json.answer(context, batches.cancel(caller.tenant(), context.pathParam("batch")));
    }
}
