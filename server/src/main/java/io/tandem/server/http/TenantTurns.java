package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.WorkerExecutor;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Work of tenants on a few threads, in turns: fair queueing by size (self-clocked, Golestani, INFOCOM 1994), so short work of
 * one tenant passes long work of another that waits. A tenant has half of the threads at most, so another finds one free.
 */
public final class TenantTurns {
    private static final long MAX_SECONDS = 60;

    private final Vertx vertx;
    private final WorkerExecutor threads;
    private final int most;
    private final long maxBytes;
    /** Of tenants with work that waits or runs. */
    private final Map<TenantId, Line> lines = new HashMap<>();

    private double virtualTime;
    private int running;
    private long bytes;

    /** What a tenant has here. */
    private static final class Line {
        final Deque<Turn> waiting = new ArrayDeque<>();
        /** Of its last work, in virtual time. */
        double end;

        int running;
        long bytes;

        boolean empty() {
            return waiting.isEmpty() && running == 0;
        }
    }

    /**
     * Work that waits.
     *
     * @param end in virtual time
     * @param loop on which it has to be started
     */
    private record Turn(double end, Context loop, Runnable start) {}

    /**
     * @param name of the threads
     * @param most of them that one tenant has at once
     * @param maxBytes that may wait or run; twice as many if no tenant has more than its part of them
     */
    TenantTurns(Vertx vertx, String name, int most, long maxBytes) {
        this.vertx = vertx;
        this.most = most;
        this.maxBytes = maxBytes;
        this.threads = vertx.createSharedWorkerExecutor(name, 2 * most, MAX_SECONDS, TimeUnit.SECONDS);
    }

    /** For files and forms that lie on the disk. */
    public static TenantTurns ofUploads(Vertx vertx) {
        int most = Math.max(2, Runtime.getRuntime().availableProcessors());
        return new TenantTurns(vertx, "upload", most, Long.MAX_VALUE / 2);
    }

    /**
     * Runs something when its turn has come; its end comes back to the caller's event loop.
     *
     * @param size in bytes; 429 if too many wait and the tenant has more than its part of them, or if twice as many would
     *     wait, but work alone is never too large
     */
    <T> Future<T> run(TenantId tenant, long size, Callable<T> work) {
        Supplier<Future<T>> start = () -> threads.executeBlocking(work, false).onComplete(done -> end(tenant, size));
        Promise<T> later = Promise.promise();
        synchronized (this) {
            Line line = lines.computeIfAbsent(tenant, none -> new Line());
            if (isTooMuch(line, size)) {
                if (line.empty()) {
                    lines.remove(tenant);
                }
                return Future.failedFuture(tooMuch());
            }
            bytes += size;
            line.bytes += size;
            line.end = Math.max(virtualTime, line.end) + 1 + size;
            if (!line.waiting.isEmpty() || line.running == most || running == 2 * most) {
                Runnable delayed = () -> start.get().onComplete(later);
                line.waiting.add(new Turn(line.end, vertx.getOrCreateContext(), delayed));
                return later.future();
            }
            begin(line, line.end);
        }
        return start.get();
    }

    private boolean isTooMuch(Line line, long size) {
        boolean more = line.bytes > 0 && line.bytes > maxBytes / lines.size() - size;
        // What is larger than all that may wait needs no more room than that, or others could keep it out for ever.
        boolean full = bytes > 0 && bytes > 2 * maxBytes - Math.min(size, maxBytes);
        return full || (more && bytes > maxBytes - size);
    }

    private void begin(Line line, double end) {
        running++;
        line.running++;
        virtualTime = Math.max(virtualTime, end);
    }

    private void end(TenantId tenant, long size) {
        Optional<Turn> next;
        synchronized (this) {
            Line line = lines.get(tenant);
            if (line == null) {
                throw new IllegalStateException("nothing of " + tenant + " runs");
            }
            running--;
            bytes -= size;
            line.running--;
            line.bytes -= size;
            if (line.empty()) {
                lines.remove(tenant);
            }
            next = next();
        }
        next.ifPresent(turn -> turn.loop().runOnContext(now -> turn.start().run()));
    }

    private Optional<Turn> next() {
        Optional<Line> first = lines.values().stream()
                .filter(line -> line.running < most && !line.waiting.isEmpty())
                .min(Comparator.comparingDouble(line -> line.waiting.getFirst().end()));
        return first.map(line -> {
            Turn turn = line.waiting.removeFirst();
            begin(line, turn.end());
            return turn;
        });
    }

    private ApiException tooMuch() {
        return ApiException.tooMany(
                "Requests with more than " + maxBytes + " bytes of text are waiting; try again later.");
    }
}
