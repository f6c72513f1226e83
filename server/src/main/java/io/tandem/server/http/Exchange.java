package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.tenant.Principal;
import io.vertx.core.Context;

/**
 * A request that the model answers, however it came: over a connection, or as a row of a batch. It belongs to one event
 * loop and ends with one answer, one failure, or the end of a stream of events.
 */
interface Exchange {
    /** Whose it is. */
    Principal caller();

    /** For the log. */
    String label();

    JsonBody body();

    /** Bytes of the body. */
    int length();

    /** Where everything happens. */
    Context loop();

    /** Whether nobody waits for the answer any more. */
    boolean gone();

    void whenGone(Runnable then);

    /** Says something about the answer, before it. */
    void header(String name, String value);

    void answer(ObjectNode json);

    /** Sends an event of a stream; false if the client has stopped to read them. */
    boolean send(String event);

    /** Ends a stream. */
    void end();

    void fail(Throwable failure);

    /**
     * Fails.
     *
     * @param lastEvent ends a stream that has begun
     */
    void fail(ApiException error, String lastEvent);
}
