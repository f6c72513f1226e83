package io.tandem.server.http;

import io.tandem.scheduler.Rejection;
import io.tandem.server.api.ApiException;
import io.tandem.server.text.ServedModel;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;

/** Writes a generation as one JSON object, or as server-sent events while it grows. */
final class AnswerWriter implements Generation.Listener {
    /** A client that reads so much slower than it is written to has lost interest. */
    private static final int MAX_UNREAD_CHUNKS = 4096;

    private final RoutingContext context;
    private final AnswerFormat format;
    private final boolean stream;
    private final ServedModel model;
    private final Generation generation;
    private int unread;

    /** @param stream whether events are wanted */
    AnswerWriter(RoutingContext context, AnswerFormat format, boolean stream, Generation.Source source) {
        this.context = context;
        this.format = format;
        this.stream = stream;
        this.model = source.model();
        this.generation = new Generation(source, context.vertx().getOrCreateContext(), this, format.shownTokens());
    }

    /** A client that goes away frees its sequences, whether it was promised a stream or not. */
    Generation generation() {
        HttpServerResponse response = context.response();
        response.closeHandler(ignored -> generation.cancel());
        response.exceptionHandler(ignored -> generation.cancel());
        return generation;
    }

    @Override
    public void progress(Choice choice, String delta) {
        format.progress(generation, choice, delta).forEach(this::send);
    }

    @Override
    public void done() {
        if (stream) {
            format.end(generation).forEach(this::send);
            context.response().end();
        } else {
            Json.answer(context, format.whole(generation));
        }
    }

    @Override
    public void refused(Rejection rejection) {
        failed(ErrorMapper.refusal(rejection, format.promptField(), model));
    }

    @Override
    public void failed(ApiException error) {
        if (context.response().headWritten()) {
            ErrorMapper.log(context.request(), error);
            context.response().end(format.failure(error));
        } else {
            context.fail(error);
        }
    }

    private void send(String event) {
        HttpServerResponse response = context.response();
        if (response.ended() || response.closed()) {
            return;
        }
        if (!response.headWritten()) {
            response.setChunked(true)
                    .putHeader("Content-Type", "text/event-stream")
                    .putHeader("Cache-Control", "no-cache");
        }
        unread = response.writeQueueFull() ? unread + 1 : 0;
        if (unread > MAX_UNREAD_CHUNKS) {
            generation.cancel();
            response.reset();
            return;
        }
        response.write(event);
    }
}
