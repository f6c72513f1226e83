package io.tandem.server.operation;

import io.tandem.server.api.ApiException;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Whether requests should be sent to this server, and if not why not. Safe from any thread. */
public final class Readiness {
    private final BooleanSupplier healthy;
    private final Supplier<Optional<String>> stall;
    private volatile boolean started;
    private volatile boolean draining;

    /**
     * @param healthy whether the engine works
     * @param stall what the engine stands still with, if it does
     */
    public Readiness(BooleanSupplier healthy, Supplier<Optional<String>> stall) {
        this.healthy = healthy;
        this.stall = stall;
    }

    /** The server has everything that it needs. */
    public void start() {
        started = true;
    }

    /** The server takes nothing new from now on. */
    public void drain() {
        draining = true;
    }

    public boolean draining() {
        return draining;
    }

    /** Whether the engine works; a server whose engine does not has to be started anew. */
    public boolean healthy() {
        return healthy.getAsBoolean();
    }

    /** Why requests should go elsewhere; empty if they may come. */
    public Optional<ApiException> refusal() {
        if (draining) {
            return Optional.of(ApiException.shuttingDown());
        }
        if (!started) {
            return Optional.of(unavailable("starting", "the server is starting"));
        }
        if (!healthy()) {
            return Optional.of(unavailable("engine_failed", "the engine has failed; see the server's log"));
        }
        return stall.get().map(why -> unavailable("engine_stalled", why));
    }

    private static ApiException unavailable(String code, String message) {
        return new ApiException(503, "server_error", null, code, message);
    }
}
