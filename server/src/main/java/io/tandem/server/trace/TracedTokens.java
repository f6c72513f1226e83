package io.tandem.server.trace;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.ForwardingTokenSink;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.TokenSink;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A source of tokens, each of whose answers is a span with three below it: waiting, prompt, tokens. They are made at its
 * end, of what the engine remembers. Attributes have the names of OpenTelemetry's conventions for generative models where
 * these have one.
 */
final class TracedTokens implements TokenSource {
    private static final AttributeKey<Long> INPUT = AttributeKey.longKey("gen_ai.usage.input_tokens");
    private static final AttributeKey<Long> OUTPUT = AttributeKey.longKey("gen_ai.usage.output_tokens");
    private static final AttributeKey<Long> CACHED = AttributeKey.longKey("gen_ai.usage.cache_read.input_tokens");
    private static final AttributeKey<List<String>> REASONS =
            AttributeKey.stringArrayKey("gen_ai.response.finish_reasons");
    private static final AttributeKey<Long> EARLY = AttributeKey.longKey("tandem.early_exit_tokens");
    private static final AttributeKey<String> ADAPTERS = AttributeKey.stringKey("tandem.adapters");

    private final TokenSource source;
    private final Tracer tracer;

    TracedTokens(TokenSource source, Tracer tracer) {
        this.source = source;
        this.tracer = tracer;
    }

    @Override
    public Optional<Rejection> submit(List<Submission> answers) {
        Context parent = Context.current();
        if (!Span.fromContext(parent).isRecording()) {
            return source.submit(answers);
        }
        return source.submit(answers.stream()
                .map(answer -> new Submission(answer.request(), new Traced(answer, parent)))
                .toList());
    }

    @Override
    public void cancel(long requestId) {
        source.cancel(requestId);
    }

    private void span(String name, Context parent, Instant start, Instant end) {
        tracer.spanBuilder(name)
                .setParent(parent)
                .setStartTimestamp(start)
                .startSpan()
                .end(end);
    }

    /** @param early how many of its tokens were drawn before a recursive model's last loop */
    private void record(InferenceRequest request, Context parent, TokenSink.Finish finish, int early) {
        TokenSink.Course course = finish.course();
        Instants instants = new Instants();
        Instant now = instants.now();
        Instant arrived = instants.of(course.arrived());
        Span answer = tracer.spanBuilder("answer")
                .setParent(parent)
                .setStartTimestamp(arrived)
                .setAttribute(INPUT, (long) finish.promptTokens())
                .setAttribute(CACHED, (long) finish.cachedTokens())
                .setAttribute(OUTPUT, (long) finish.completionTokens())
                .setAttribute(EARLY, (long) early)
                .setAttribute(REASONS, List.of(finish.reason().name().toLowerCase(Locale.ROOT)))
                .setAttribute(
                        ADAPTERS,
                        request.adapters().stream().map(AdapterVersion::name).collect(Collectors.joining("+")))
                .startSpan();
        Context within = parent.with(answer);
        Instant scheduled =
                course.scheduled().isPresent() ? instants.of(course.scheduled().getAsLong()) : now;
        span("queue", within, arrived, scheduled);
        if (course.scheduled().isPresent()) {
            Instant first = course.firstToken().isPresent()
                    ? instants.of(course.firstToken().getAsLong())
                    : now;
            span("prefill", within, scheduled, first);
            if (course.firstToken().isPresent()) {
                span("decode", within, first, now);
            }
        }
        if (!finish.message().isEmpty()) {
            answer.setStatus(StatusCode.ERROR, finish.message());
        }
        answer.end(now);
    }

    private final class Traced extends ForwardingTokenSink {
        private final InferenceRequest request;
        private final Context parent;
        private int early;

        Traced(Submission answer, Context parent) {
            super(answer.sink());
            this.request = answer.request();
            this.parent = parent;
        }

        @Override
        public void token(Draw draw) {
            early += draw.leftEarly() ? 1 : 0;
            super.token(draw);
        }

        @Override
        public void finish(Finish finish) {
            record(request, parent, finish, early);
            super.finish(finish);
        }
    }
}
