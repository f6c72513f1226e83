package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.TokenSource;
import io.tandem.server.api.TenantId;
import io.tandem.server.batch.BatchSpec;
import io.tandem.server.batch.Rows;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.VerticleBase;
import java.util.Map;

/** Answers the rows of batches as it answers HTTP requests, on an event loop of its own. */
public final class BatchVerticle extends VerticleBase implements Rows {
    private final Routes.Targets targets;
    private final TokenSource tokens;
    private Map<String, Handler<Exchange>> endpoints = Map.of();

    /** @param tokens of requests that nobody waits for */
    public BatchVerticle(Routes.Targets targets, TokenSource tokens) {
        this.targets = targets;
        this.tokens = tokens;
    }

    @Override
    public Future<?> start() {
        endpoints = ModelEndpoints.of(targets, tokens);
        endpoints.keySet().retainAll(BatchSpec.ENDPOINTS);
        return Future.succeededFuture();
    }

    @Override
    public Answering answer(TenantId tenant, String endpoint, ObjectNode body, int bytes) {
        RowExchange row = new RowExchange(tenant, endpoint, body, bytes, context);
        context.runOnContext(ignored -> {
            try {
                row.body().refuseUnless("stream", stream -> !stream.booleanValue());
                handler(endpoint).handle(row);
            } catch (RuntimeException e) {
                row.fail(e);
            }
        });
        return row;
    }

    private Handler<Exchange> handler(String endpoint) {
        Handler<Exchange> found = endpoints.get(endpoint);
        if (found == null) {
            throw new IllegalArgumentException("no row is for " + endpoint);
        }
        return found;
    }
}
