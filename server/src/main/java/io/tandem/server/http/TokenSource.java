package io.tandem.server.http;

import io.tandem.scheduler.CoServingEngine;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.TokenSink;
import java.util.Optional;

/** Where tokens come from: the part of the engine that HTTP needs. Safe from any thread; never waits. */
public interface TokenSource {
    /** Queues a request, unless it is refused. */
    Optional<Rejection> submit(InferenceRequest request, TokenSink sink);

    /** Ends a request soon; nothing happens if it has ended already. */
    void cancel(long requestId);

    static TokenSource of(CoServingEngine engine) {
        return new TokenSource() {
            @Override
            public Optional<Rejection> submit(InferenceRequest request, TokenSink sink) {
                return engine.submit(request, sink);
            }

            @Override
            public void cancel(long requestId) {
                engine.cancel(requestId);
            }
        };
    }
}
