package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.api.TenantId;
import io.tandem.server.batch.Rows.Answering;
import io.tandem.server.batch.Rows.Reply;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.Role;
import io.vertx.core.Context;
import java.util.concurrent.CompletableFuture;

/** A row of a batch. */
final class RowExchange implements Exchange, Answering {
    private final String id = ObjectIds.random("req_");
    private final CompletableFuture<Reply> reply = new CompletableFuture<>();
    private final Principal caller;
    private final String endpoint;
    private final JsonBody body;
    private final int bytes;
    private final Context loop;
    private Runnable whenGone = () -> {};
    private boolean gone;

    RowExchange(TenantId tenant, String endpoint, ObjectNode body, int bytes, Context loop) {
        this.caller = new Principal(tenant, Role.INFERENCE);
        this.endpoint = endpoint;
        this.body = JsonBody.of(body);
        this.bytes = bytes;
        this.loop = loop;
    }

    @Override
    public CompletableFuture<Reply> reply() {
        return reply;
    }

    @Override
    public void cancel() {
        loop.runOnContext(ignored -> {
            gone = true;
            whenGone.run();
        });
    }

    @Override
    public Principal caller() {
        return caller;
    }

    @Override
    public String label() {
        return id + " " + endpoint + " of a batch";
    }

    @Override
    public JsonBody body() {
        return body;
    }

    @Override
    public int length() {
        return bytes;
    }

    @Override
    public Context loop() {
        return loop;
    }

    @Override
    public boolean gone() {
        return gone;
    }

    @Override
    public void whenGone(Runnable then) {
        whenGone = then;
    }

    /** The lines of a batch have no place for headers. */
    @Override
    public void header(String name, String value) {}

    @Override
    public void answer(ObjectNode json) {
        reply.complete(new Reply(200, id, json));
    }

    @Override
    public boolean send(String event) {
        throw new IllegalStateException("a row of a batch is not streamed");
    }

    @Override
    public void end() {
        throw new IllegalStateException("a row of a batch is not streamed");
    }

    @Override
    public void fail(Throwable failure) {
        ApiException error = ErrorMapper.of(failure, label());
        reply.complete(new Reply(error.status(), id, ErrorMapper.body(error)));
    }

    @Override
    public void fail(ApiException error, String lastEvent) {
        fail(error);
    }
}
