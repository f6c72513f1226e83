package io.tandem.server.http;

import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.Callable;

/**
 * Work on texts of clients: reading JSON, rendering chats, tokenizing. It takes as long and as much memory as the texts
 * are long, so it runs on a few threads of its own, where tenants take turns, and only so many bytes may wait for them.
 */
public final class TextWork {
    /** A body up to here is read faster than it is handed over. */
    private static final int SMALL_BYTES = 64 << 10;

    private static final int MAX_THREADS = 4;
    private static final long MAX_BYTES = 128 << 20;

    private final TenantTurns turns;

    public TextWork(Vertx vertx) {
        int most = Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
        long maxBytes = Math.min(MAX_BYTES, Runtime.getRuntime().maxMemory() / 8);
        turns = new TenantTurns(vertx, "text", most, maxBytes);
    }

    /**
     * Runs something on a thread for texts; its end comes back to the caller's event loop.
     *
     * @param length of the text, in bytes; 429 if too many wait, but one text alone is never too long
     */
    <T> Future<T> run(TenantId tenant, long length, Callable<T> work) {
        return turns.run(tenant, length, work);
    }

    /** Reads the JSON of a large body, so that {@link Json#body} finds it read. */
    void parse(RoutingContext context) {
        int length = Math.max(0, context.body().length());
        if (length <= SMALL_BYTES) {
            context.next();
            return;
        }
        run(
                        KeyHandler.caller(context).tenant(),
                        length,
                        () -> JsonBody.parse(context.body().buffer()))
                .onFailure(context::fail)
                .onSuccess(body -> {
                    context.put(Json.BODY, body);
                    context.next();
                });
    }
}
