package io.tandem.server.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.tandem.scheduler.loop.IterationListener;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.loop.RequestReport;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** What iterations carry and how long things take, as meters; docs/metrics.md explains each. */
public final class CoServingMetrics implements IterationListener {
    private static final IterationReport NOTHING =
            new IterationReport(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, 0);

    private final Timer iterations;
    private final Timer ttft;
    private final Timer itl;
    private final Counter decode;
    private final Counter loops;
    private final Counter drafted;
    private final Counter accepted;
    private final Counter prefill;
    private final Counter forward;
    private final Counter backward;
    private final Counter preemptions;
    private final Counter copied;
    private final Counter shared;
    private final Counter bounded;
    private final Counter batch;
    private final LatencyMetrics latency;
    private final VllmMetrics vllm;
    private final RequestMetrics requests;
    private volatile IterationReport last = NOTHING;

    /** @param vllm that hears of everything too */
    public CoServingMetrics(MeterRegistry registry, VllmMetrics vllm) {
        this.vllm = vllm;
        iterations = timer(registry, "tandem.iteration.duration", "duration of one iteration on the device");
        ttft = timer(registry, "tandem.request.ttft", "from a request's arrival to its first token");
        itl = timer(registry, "tandem.request.itl", "between two tokens of an answer");
        decode = tokens(registry, "decode");
        loops = counter(registry, "tandem.decode.loops", "loops of a recursive model that decoded tokens went through");
        drafted = counter(registry, "tandem.speculation.drafted", "tokens that ran as drafts of what follows");
        accepted = counter(registry, "tandem.speculation.accepted", "tokens of drafts that were right");
        prefill = tokens(registry, "prefill");
        forward = tokens(registry, "finetune");
        backward = Counter.builder("tandem.finetune.backward.rows")
                .description("fine-tuning rows times layers that went backward")
                .register(registry);
        preemptions = Counter.builder("tandem.preemptions")
                .description("sequences that lost their KV slot and ran again")
                .register(registry);
        copied = Counter.builder("tandem.kv.copied")
                .description("prompt tokens whose keys and values were copied from another slot")
                .register(registry);
        shared = Counter.builder("tandem.iterations.shared")
                .description("iterations that carried inference and fine-tuning")
                .register(registry);
        bounded = counter(
                registry, "tandem.iterations.bounded", "iterations kept short for a tenant that asks for little");
        batch = Counter.builder("tandem.batch.tokens")
                .description("rows that went forward for batches")
                .register(registry);
        gauge(registry, "tandem.sequences.running", "sequences with a KV slot", () -> last.runningSequences());
        gauge(registry, "tandem.requests.waiting", "requests without a KV slot", () -> last.waitingRequests());
        gauge(registry, "tandem.kv.tokens", "tokens that running sequences have room for", () -> last.cachedTokens());
        gauge(registry, "tandem.iteration.adapters", "different adapters in the last iteration", () -> last.adapters());
        latency = new LatencyMetrics(registry);
        requests = new RequestMetrics(registry);
    }

    private static Timer timer(MeterRegistry registry, String name, String description) {
        return Timer.builder(name)
                .description(description)
                .publishPercentileHistogram()
                .register(registry);
    }

    private static Counter tokens(MeterRegistry registry, String phase) {
        return Counter.builder("tandem.tokens")
                .description("rows that went forward")
                .tag("phase", phase)
                .register(registry);
    }

    private static Counter counter(MeterRegistry registry, String name, String description) {
        return Counter.builder(name).description(description).register(registry);
    }

    private static void gauge(MeterRegistry registry, String name, String description, Supplier<Number> value) {
        Gauge.builder(name, value).description(description).register(registry);
    }

    @Override
    public void iteration(IterationReport report) {
        last = report;
        vllm.iteration(report);
        latency.iteration(report);
        iterations.record(report.durationNanos(), TimeUnit.NANOSECONDS);
        decode.increment(report.decodeTokens());
        loops.increment(report.loops());
        drafted.increment(report.draftTokens());
        accepted.increment(report.acceptedTokens());
        prefill.increment(report.prefillTokens());
        forward.increment(report.forwardTokens());
        backward.increment(report.backwardTokenLayers());
        preemptions.increment(report.preemptions());
        copied.increment(report.copiedTokens());
        batch.increment(report.bestEffortTokens());
        if (report.serves() && report.finetunes()) {
            shared.increment();
        }
        if (report.bounded()) {
            bounded.increment();
        }
    }

    /** The last requests may have been cancelled, and then no iteration tells that they are gone. */
    @Override
    public void idle() {
        last = NOTHING;
        vllm.idle();
    }

    @Override
    public void firstToken(long ttftNanos) {
        vllm.firstToken(ttftNanos);
        ttft.record(ttftNanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void nextToken(long itlNanos) {
        vllm.nextToken(itlNanos);
        itl.record(itlNanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void requestEnded(RequestReport report) {
        vllm.requestEnded(report);
        requests.ended(report);
    }
}
