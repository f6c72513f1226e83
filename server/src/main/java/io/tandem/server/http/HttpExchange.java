package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.tenant.Principal;
import io.vertx.core.Context;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A request that came over a connection. */
final class HttpExchange implements Exchange {
    private static final Logger LOG = LoggerFactory.getLogger(HttpExchange.class);
    /** A client that is behind by so much, beside what the system buffers, has lost interest. */
    private static final int MAX_UNREAD_BYTES = 1 << 20;

    private final RoutingContext context;
    private final Principal caller;
    private final HttpServerResponse response;
    private int unread;

    HttpExchange(RoutingContext context, Principal caller) {
        this.context = context;
        this.caller = caller;
        this.response = context.response();
    }

    @Override
    public Principal caller() {
        return caller;
    }

    @Override
    public String label() {
        return RequestIds.of(context.request()) + " " + context.request().path();
    }

    @Override
    public JsonBody body() {
        return Json.body(context);
    }

    @Override
    public int length() {
        return Math.max(0, context.body().length());
    }

    @Override
    public Context loop() {
        return context.vertx().getOrCreateContext();
    }

    @Override
    public boolean gone() {
        return response.closed();
    }

    @Override
    public void whenGone(Runnable then) {
        response.closeHandler(ignored -> then.run());
        response.exceptionHandler(ignored -> then.run());
    }

    @Override
    public void header(String name, String value) {
        response.putHeader(name, value);
    }

    @Override
    public void answer(ObjectNode json) {
        Json.answer(context, json);
    }

    @Override
    public boolean send(String event) {
        if (response.ended() || response.closed()) {
            return true;
        }
        if (!response.headWritten()) {
            response.setChunked(true)
                    .putHeader("Content-Type", "text/event-stream")
                    .putHeader("Cache-Control", "no-cache");
        }
        unread = response.writeQueueFull() ? unread + event.length() : 0;
        if (unread > MAX_UNREAD_BYTES) {
            LOG.atInfo()
                    .addKeyValue(RequestIds.FIELD, RequestIds.of(context.request()))
                    .log("{} is cut off: its client does not read the stream", label());
            response.reset();
            return false;
        }
        response.write(event);
        return true;
    }

    @Override
    public void end() {
        response.end();
    }

    @Override
    public void fail(Throwable failure) {
        context.fail(failure);
    }

    @Override
    public void fail(ApiException error, String lastEvent) {
        if (response.headWritten()) {
            ErrorMapper.log(context.request(), error);
            response.end(lastEvent);
        } else {
            context.fail(error);
        }
    }
}
