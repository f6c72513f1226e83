package io.tandem.server.trace;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.scheduler.JobEngine;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.ForwardingJobSink;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/** An engine, each of whose jobs is a trace: a span for each stay of a job, and below it the queue and each step. */
final class TracedJobs implements JobEngine {
    private static final AttributeKey<String> JOB = AttributeKey.stringKey("tandem.job");
    private static final AttributeKey<String> TENANT = AttributeKey.stringKey("tandem.tenant");
    private static final AttributeKey<Long> STEP = AttributeKey.longKey("tandem.step");
    private static final AttributeKey<Long> STEPS = AttributeKey.longKey("tandem.steps");
    private static final AttributeKey<Long> TOKENS = AttributeKey.longKey("tandem.tokens");
    private static final AttributeKey<Double> LOSS = AttributeKey.doubleKey("tandem.loss");
    private static final double NANOS = 1e9;

    private final JobEngine engine;
    private final Tracer tracer;

    TracedJobs(JobEngine engine, Tracer tracer) {
        this.engine = engine;
        this.tracer = tracer;
    }

    @Override
    public FinetuneJob prepare(FinetuneJob job, BaseWeights weights) {
        return engine.prepare(job, weights);
    }

    @Override
    public Optional<Rejection> submit(FinetuneJob job, JobSink sink) {
        return engine.submit(job, new Traced(job, sink));
    }

    @Override
    public int mostJobs() {
        return engine.mostJobs();
    }

    @Override
    public void cancelJob(String jobId) {
        engine.cancelJob(jobId);
    }

    @Override
    public void pauseJob(String jobId) {
        engine.pauseJob(jobId);
    }

    /** Nothing is sent of a job that is refused: its span never ends. */
    private final class Traced extends ForwardingJobSink {
        private final Span span;
        private final Context within;
        private final Instant queued = Instant.now();

        Traced(FinetuneJob job, JobSink sink) {
            super(sink);
            span = tracer.spanBuilder("fine-tuning job")
                    .setNoParent()
                    .setAttribute(JOB, job.id())
                    .setAttribute(TENANT, job.caller())
                    .setAttribute(STEPS, (long) job.totalSteps())
                    .startSpan();
            within = Context.root().with(span);
        }

        @Override
        public void start() {
            tracer.spanBuilder("queue")
                    .setParent(within)
                    .setStartTimestamp(queued)
                    .startSpan()
                    .end();
            super.start();
        }

        @Override
        public void step(StepReport report) {
            Instant now = Instant.now();
            tracer.spanBuilder("step")
                    .setParent(within)
                    .setStartTimestamp(now.minus(Duration.ofNanos((long) (report.seconds() * NANOS))))
                    .setAttribute(STEP, (long) report.step())
                    .setAttribute(LOSS, report.loss())
                    .setAttribute(TOKENS, (long) report.tokens())
                    .startSpan()
                    .end(now);
            super.step(report);
        }

        @Override
        public void checkpoint(JobCheckpoint checkpoint) {
            span.addEvent("checkpoint");
            super.checkpoint(checkpoint);
        }

        @Override
        public void finish(JobOutcome outcome) {
            if (outcome instanceof JobOutcome.Failed failed) {
                span.setStatus(StatusCode.ERROR, failed.message());
            }
            span.setAttribute(
                    "tandem.outcome", outcome.getClass().getSimpleName().toLowerCase(Locale.ROOT));
            span.end();
            super.finish(outcome);
        }
    }
}
