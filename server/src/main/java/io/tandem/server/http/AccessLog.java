package io.tandem.server.http;

import io.tandem.server.tenant.Caller;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A line for each request, when its answer has ended or its client has left. A connection has one request at a time. Safe
 * from any thread.
 */
public final class AccessLog {
    private static final Logger LOG = LoggerFactory.getLogger("access");
    private static final String NOBODY = "-";

    private final boolean wanted;
    private final Map<HttpConnection, Entry> running = new ConcurrentHashMap<>();

    /** @param wanted whether anything is written */
    public AccessLog(boolean wanted) {
        this.wanted = wanted;
    }

    private record Entry(
            HttpServerRequest request, long start, @Nullable Caller caller) {}

    void begun(HttpServerRequest request) {
        if (wanted) {
            running.put(request.connection(), new Entry(request, System.nanoTime(), null));
        }
    }

    /** It is known who has sent a request. */
    void known(HttpServerRequest request, Caller caller) {
        running.computeIfPresent(
                request.connection(), (same, entry) -> new Entry(entry.request(), entry.start(), caller));
    }

    /** The answer has ended, or the client has left. */
    void ended(HttpConnection connection) {
        @Nullable Entry entry = running.remove(connection);
        if (entry == null) {
            return;
        }
        HttpServerRequest request = entry.request();
        boolean whole = request.response().ended();
        @Nullable Caller caller = entry.caller();
        String tenant = caller == null ? NOBODY : caller.principal().tenant().value();
        String key = caller == null ? NOBODY : caller.id();
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - entry.start());
        long bytes = request.response().bytesWritten();
        int status = request.response().getStatusCode();
        String client = request.remoteAddress() == null
                ? NOBODY
                : request.remoteAddress().hostAddress();
        LOG.atInfo()
                .addKeyValue("client", client)
                .addKeyValue("method", request.method().name())
                .addKeyValue("path", request.path())
                .addKeyValue("status", status)
                .addKeyValue("whole", whole)
                .addKeyValue("bytes", bytes)
                .addKeyValue("millis", millis)
                .addKeyValue("tenant", tenant)
                .addKeyValue("key", key)
                .addKeyValue(RequestIds.FIELD, RequestIds.of(request))
                .log(
                        "{} {} {} {}{} {} bytes {} ms tenant {} key {} request {}",
                        client,
                        request.method(),
                        request.path(),
                        status,
                        whole ? "" : " (the client has left)",
                        bytes,
                        millis,
                        tenant,
                        key,
                        RequestIds.of(request));
    }
}
