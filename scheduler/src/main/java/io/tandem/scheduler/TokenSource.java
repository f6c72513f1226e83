package io.tandem.scheduler;

import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.TokenSink;
import java.util.List;
import java.util.Optional;

/** Where tokens come from: the part of the engine that answers. Safe from any thread; never waits. */
public interface TokenSource {
    /** One answer that is asked for, and where its tokens go. */
    record Submission(InferenceRequest request, TokenSink sink) {}

    /**
     * Queues the answers of one client request, all of them unless they are refused. Each accepted one ends with exactly one
     * {@link TokenSink#finish}. As long as none has a token, all of them may be displaced by a caller that holds fewer
     * places; they then end {@link io.tandem.scheduler.inference.FinishReason#DISPLACED}.
     *
     * @param answers at least one, all of the same caller
     */
    Optional<Rejection> submit(List<Submission> answers);

    /** Queues a request for one answer, unless it is refused. */
    default Optional<Rejection> submit(InferenceRequest request, TokenSink sink) {
        return submit(List.of(new Submission(request, sink)));
    }

    /** Ends an answer within one iteration; nothing happens if it has ended already. */
    void cancel(long requestId);
}
