package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Work on texts of clients: reading JSON, rendering chats, tokenizing. It takes as long and as much memory as the texts
 * are long, so it runs on a few threads of its own, and only so many bytes may wait for them.
 */
final class TextWork {
    /** A body up to here is read faster than it is handed over. */
    private static final int SMALL_BYTES = 64 << 10;

    private static final int MAX_THREADS = 4;
    private static final long MAX_BYTES = 64 << 20;
    private static final long MAX_SECONDS = 60;

    private final WorkerExecutor threads;
    private final long maxBytes = Math.min(MAX_BYTES, Runtime.getRuntime().maxMemory() / 16);
    private final AtomicLong bytes = new AtomicLong();

    TextWork(Vertx vertx) {
        int size = Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
        threads = vertx.createSharedWorkerExecutor("text", size, MAX_SECONDS, TimeUnit.SECONDS);
    }

    /**
     * Runs something on a thread for texts; its end comes back to the caller's event loop.
     *
     * @param length of the text, in bytes; 429 if too many wait, but one text alone is never too long
     */
    <T> Future<T> run(long length, Callable<T> work) {
        long waiting = bytes.addAndGet(length);
        if (waiting > maxBytes && waiting > length) {
            bytes.addAndGet(-length);
            return Future.failedFuture(new ApiException(
                    429,
                    "rate_limit_error",
                    null,
                    "rate_limit_exceeded",
                    "Requests with more than " + maxBytes + " bytes of text are waiting; try again later."));
        }
        return threads.executeBlocking(work, false).onComplete(done -> bytes.addAndGet(-length));
    }

    /** Reads the JSON of a large body, so that {@link Json#body} finds it read. */
    void parse(RoutingContext context) {
        int length = Math.max(0, context.body().length());
        if (length <= SMALL_BYTES) {
            context.next();
            return;
        }
        run(length, () -> JsonBody.parse(context.body().buffer()))
                .onFailure(context::fail)
                .onSuccess(body -> {
                    context.put(Json.BODY, body);
                    context.next();
                });
    }
}
