package io.tandem.server.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.TenantId;
import java.util.concurrent.CompletableFuture;

/** Where the rows of batches are answered. Safe from any thread. */
public interface Rows {
    /**
     * Begins to answer a request that nobody waits for.
     *
     * @param tenant whose it is
     * @param endpoint one of {@link BatchSpec#ENDPOINTS}
     * @param bytes that the body has as text
     */
    Answering answer(TenantId tenant, String endpoint, ObjectNode body, int bytes);

    /** A request that is being answered. */
    interface Answering {
        /** Completes with an answer or an error, unless the request is cancelled. */
        CompletableFuture<Reply> reply();

        void cancel();
    }

    /**
     * What a client would have got.
     *
     * @param status of HTTP
     * @param requestId by which the log knows the request
     */
    record Reply(int status, String requestId, ObjectNode body) {}
}
