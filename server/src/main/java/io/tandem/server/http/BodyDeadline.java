package io.tandem.server.http;

import io.tandem.server.config.HttpLimits;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Gives up bodies that come too slowly. */
final class BodyDeadline {
    private static final long MIN_BYTES = 64 << 10;

    private final long millis;

    BodyDeadline(HttpLimits limits) {
        this.millis = TimeUnit.SECONDS.toMillis(limits.bodySeconds());
    }

    /** From when the body is read, so that nobody pays for the server's own delays. */
    void watch(RoutingContext context) {
        watch(context, () -> false);
    }

    /** @param held whether the server itself has not read on at once since the last time that this was asked */
    void watch(RoutingContext context, BooleanSupplier held) {
        HttpServerRequest request = context.request();
        long[] before = {request.bytesRead()};
        long watch = context.vertx().setPeriodic(millis, timer -> {
            if (!held.getAsBoolean() && request.bytesRead() - before[0] < MIN_BYTES) {
                context.vertx().cancelTimer(timer);
                ErrorMapper.answerAndClose(
                        request,
                        ErrorMapper.wrong(408, "body_timeout", "The body came too slowly; see http.body-timeout."));
            }
            before[0] = request.bytesRead();
        });
        request.end().onComplete(ended -> context.vertx().cancelTimer(watch));
    }
}
