package io.tandem.server.http;

import io.tandem.scheduler.Rejection;
import io.tandem.server.api.ApiException;
import io.tandem.server.text.ServedModel;

/** Writes a generation as one JSON object, or as server-sent events while it grows. */
final class AnswerWriter implements Generation.Listener {
    private final Exchange exchange;
    private final AnswerFormat format;
    private final boolean stream;
    private final ServedModel model;
    private final Generation generation;

    /** @param stream whether events are wanted */
    AnswerWriter(Exchange exchange, AnswerFormat format, boolean stream, Generation.Source source) {
        this.exchange = exchange;
        this.format = format;
        this.stream = stream;
        this.model = source.model();
        this.generation = new Generation(source, exchange.loop(), this, format.shownTokens());
    }

    /** A client that goes away frees its sequences, whether it was promised a stream or not. */
    Generation generation() {
        exchange.whenGone(generation::cancel);
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
            exchange.end();
        } else {
            exchange.answer(format.whole(generation));
        }
    }

    @Override
    public void refused(Rejection rejection) {
        failed(ErrorMapper.refusal(rejection, format.promptField(), model));
    }

    @Override
    public void failed(ApiException error) {
        exchange.fail(error, format.failure(error));
    }

    private void send(String event) {
        if (!exchange.send(event)) {
            generation.cancel();
        }
    }
}
