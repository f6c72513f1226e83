package io.tandem.server.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.loop.IterationListener;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.loop.RequestReport;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
import java.util.stream.DoubleStream;

/**
 * The meters that vLLM has too, under its names and with its buckets, so that its dashboards, alerts and autoscalers work.
 * docs/metrics.md says where their meaning differs.
 */
public final class VllmMetrics implements IterationListener {
    private static final double[] TTFT = {
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560
    };
    private static final double[] PER_TOKEN = {
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80
    };
    private static final double[] WHOLE = {
        0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680
    };
    private static final double[] TOKENS = {
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000
    };

    private final MeterRegistry registry;
    private final Tags tags;
    private final Timer ttft;
    private final Timer itl;
    private final Timer tpot;
    private final Timer whole;
    private final Timer queue;
    private final Timer prefill;
    private final Timer decode;
    private final Counter promptTokens;
    private final Counter generationTokens;
    private final Counter queriedTokens;
    private final Counter hitTokens;
    private final Counter preemptions;
    private final Map<FinishReason, Counter> ended = new EnumMap<>(FinishReason.class);
    private final DistributionSummary promptLengths;
    private final DistributionSummary answerLengths;
    private volatile int running;
    private volatile int waiting;
    private volatile int kvTokens;

    /**
     * @param model name of the base model, whichever adapters requests use
     * @param kvBudget tokens that all sequences may hold together
     */
    public VllmMetrics(MeterRegistry registry, String model, int kvBudget) {
        this.registry = registry;
        this.tags = Tags.of("model_name", model);
        ttft = timer("vllm:time_to_first_token", "from a request's arrival to its first token", TTFT);
        itl = timer("vllm:inter_token_latency", "between two tokens of an answer", PER_TOKEN);
        tpot = timer(
                "vllm:request_time_per_output_token", "mean time per token of an answer after the first", PER_TOKEN);
        whole = timer("vllm:e2e_request_latency", "from a request's arrival to its end", WHOLE);
        queue = timer("vllm:request_queue_time", "from a request's arrival to its first iteration", WHOLE);
        prefill = timer("vllm:request_prefill_time", "from a request's first iteration to its first token", WHOLE);
        decode = timer("vllm:request_decode_time", "from a request's first token to its last", WHOLE);
        promptTokens = counter("vllm:prompt_tokens", "tokens of prompts whose answers have ended");
        generationTokens = counter("vllm:generation_tokens", "tokens of answers");
        queriedTokens = counter("vllm:prefix_cache_queries", "tokens of prompts that were looked for in the cache");
        hitTokens = counter("vllm:prefix_cache_hits", "tokens of prompts that were in the cache");
        preemptions = counter("vllm:num_preemptions", "sequences that lost their KV slot and ran again");
        for (FinishReason reason : FinishReason.values()) {
            ended.put(
                    reason,
                    Counter.builder("vllm:request_success")
                            .description("requests that have ended")
                            .tags(tags)
                            .tag("finished_reason", name(reason))
                            .register(registry));
        }
        promptLengths = summary("vllm:request_prompt_tokens", "tokens of a prompt");
        answerLengths = summary("vllm:request_generation_tokens", "tokens of an answer");
        gauge("vllm:num_requests_running", "sequences with a KV slot", () -> running);
        gauge("vllm:num_requests_waiting", "requests without a KV slot", () -> waiting);
        gauge(
                "vllm:kv_cache_usage_perc",
                "share of the KV cache that running sequences have reserved, 1 for all",
                () -> (double) kvTokens / kvBudget);
    }

    /** Several have vLLM's same name, and then the same counter. */
    private static String name(FinishReason reason) {
        return switch (reason) {
            case STOP -> "stop";
            case LENGTH -> "length";
            case CANCELLED, DISPLACED, SHUT_DOWN -> "abort";
            case BROKEN_ADAPTER, BROKEN_CONSTRAINT, FAILED -> "error";
        };
    }

    private Timer timer(String name, String description, double[] seconds) {
        return Timer.builder(name)
                .description(description)
                .tags(tags)
                .serviceLevelObjectives(DoubleStream.of(seconds)
                        .mapToObj(bucket -> Duration.ofNanos((long) (bucket * 1e9)))
                        .toArray(Duration[]::new))
                .register(registry);
    }

    private Counter counter(String name, String description) {
        return Counter.builder(name).description(description).tags(tags).register(registry);
    }

    private DistributionSummary summary(String name, String description) {
        return DistributionSummary.builder(name)
                .description(description)
                .tags(tags)
                .serviceLevelObjectives(TOKENS)
                .register(registry);
    }

    private void gauge(String name, String description, DoubleSupplier value) {
        Gauge.builder(name, value, DoubleSupplier::getAsDouble)
                .description(description)
                .tags(tags)
                // The lambda is nobody else's.
                .strongReference(true)
                .register(registry);
    }

    @Override
    public void iteration(IterationReport report) {
        running = report.runningSequences();
        waiting = report.waitingRequests();
        kvTokens = report.cachedTokens();
        preemptions.increment(report.preemptions());
    }

    @Override
    public void idle() {
        running = 0;
        waiting = 0;
        kvTokens = 0;
    }

    @Override
    public void firstToken(long ttftNanos) {
        ttft.record(ttftNanos, TimeUnit.NANOSECONDS);
        generationTokens.increment();
    }

    @Override
    public void nextToken(long itlNanos) {
        itl.record(itlNanos, TimeUnit.NANOSECONDS);
        generationTokens.increment();
    }

    @Override
    public void requestEnded(RequestReport report) {
        Objects.requireNonNull(ended.get(report.reason())).increment();
        boolean answered = report.reason() == FinishReason.STOP || report.reason() == FinishReason.LENGTH;
        if (report.tokens() == 0 && !answered) {
            return;
        }
        whole.record(report.wholeNanos(), TimeUnit.NANOSECONDS);
        queue.record(report.queueNanos(), TimeUnit.NANOSECONDS);
        prefill.record(report.ttftNanos() - report.queueNanos(), TimeUnit.NANOSECONDS);
        decode.record(report.tpotNanos() * Math.max(0, report.tokens() - 1), TimeUnit.NANOSECONDS);
        if (report.tokens() > 1) {
            tpot.record(report.tpotNanos(), TimeUnit.NANOSECONDS);
        }
        promptTokens.increment(report.promptTokens());
        queriedTokens.increment(report.promptTokens());
        hitTokens.increment(report.cachedTokens());
        promptLengths.record(report.promptTokens());
        answerLengths.record(report.tokens());
    }
}
