package io.tandem.server.http;

import com.sun.management.UnixOperatingSystemMXBean;
import io.tandem.server.config.HttpLimits;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * The connections of one event loop. Those that wait for a request are closed after a while, and the longest waiting
 * when there are too many. A connection with a request is left alone, however long the answer takes.
 */
final class Connections {
    /** Of the file descriptors that are free at the start, what is left for files. */
    private static final double FILES_SHARE = 0.25;

    private final Vertx vertx;
    private final int most;
    private final HttpLimits limits;
    private final AccessLog log;
    private final Set<HttpConnection> open = new HashSet<>();
    private final Map<HttpConnection, Long> timers = new HashMap<>();
    private final Set<HttpConnection> waiting = new LinkedHashSet<>();
    /** Those with a request that has no whole answer; looked at by other threads. */
    private final Set<HttpConnection> busy = ConcurrentHashMap.newKeySet();

    /** @param eventLoops that share the connections */
    Connections(Vertx vertx, HttpLimits limits, int eventLoops, AccessLog log) {
        this.vertx = vertx;
        this.log = log;
        this.limits = limits;
        this.most = Math.max(1, Math.min(limits.maxConnections(), descriptors()) / eventLoops);
    }

    private static int descriptors() {
        if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system) {
            long free = system.getMaxFileDescriptorCount() - system.getOpenFileDescriptorCount();
            return (int) Math.min(Integer.MAX_VALUE, Math.max(1, free * (1 - FILES_SHARE)));
        }
        return Integer.MAX_VALUE;
    }

    /** A client has connected. */
    void opened(HttpConnection connection) {
        StuckWrites.watch(connection, limits.writeSeconds());
        UnknownVersions.refuse(connection);
        BrokenBodies.refuse(connection);
        open.add(connection);
        connection.closeHandler(closed -> {
            open.remove(connection);
            busy.remove(connection);
            log.ended(connection);
            stopWaiting(connection);
        });
        startWaiting(connection);
        if (open.size() > most) {
            HttpConnection longest = waiting.iterator().next();
            stopWaiting(longest);
            longest.close();
        }
    }

    /** Follows the requests of the connections. */
    Handler<HttpServerRequest> around(Handler<HttpServerRequest> inside) {
        return request -> {
            HttpConnection connection = request.connection();
            stopWaiting(connection);
            busy.add(connection);
            log.begun(request);
            request.response().endHandler(ended -> {
                busy.remove(connection);
                log.ended(connection);
                startWaiting(connection);
            });
            if (!BrokenBodies.begins(request)) {
                inside.handle(request);
            }
        };
    }

    /** Requests that have no whole answer. Safe from any thread. */
    int busy() {
        return busy.size();
    }

    private void startWaiting(HttpConnection connection) {
        stopWaiting(connection);
        if (!open.contains(connection)) {
            return;
        }
        waiting.add(connection);
        timers.put(
                connection,
                vertx.setTimer(TimeUnit.SECONDS.toMillis(limits.idleSeconds()), timer -> connection.close()));
    }

    private void stopWaiting(HttpConnection connection) {
        waiting.remove(connection);
        Long timer = timers.remove(connection);
        if (timer != null) {
            vertx.cancelTimer(timer);
        }
    }
}
