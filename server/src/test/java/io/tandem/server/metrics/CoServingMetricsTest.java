package io.tandem.server.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.loop.RequestReport;
import io.tandem.scheduler.slo.Attainment;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CoServingMetricsTest {
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final CoServingMetrics metrics = new CoServingMetrics(registry, new VllmMetrics(registry, "base", 1280));

    @Test
    void gaugesAreZeroWhileNothingRuns() {
        metrics.iteration(new IterationReport(1, 1, 1, 0, 8, 0, 0, 0, 0, 0, 3, 8, 2, 0, 0, 640, 0, false, 0));
        List<String> gauges = List.of(
                "tandem.sequences.running", "tandem.requests.waiting", "tandem.kv.tokens", "tandem.iteration.adapters");
        assertThat(gauges)
                .extracting(name -> registry.get(name).gauge().value())
                .containsExactly(8.0, 2.0, 640.0, 3.0);
        metrics.idle();
        assertThat(gauges)
                .extracting(name -> registry.get(name).gauge().value())
                .containsOnly(0.0);
    }

    @Test
    void vllmsNamesHaveTheSameNumbers() {
        metrics.iteration(new IterationReport(1, 1, 1, 0, 8, 0, 0, 0, 0, 0, 3, 8, 2, 5, 0, 640, 0, false, 0));
        List<String> gauges =
                List.of("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc");
        assertThat(gauges)
                .extracting(name ->
                        registry.get(name).tag("model_name", "base").gauge().value())
                .containsExactly(8.0, 2.0, 0.5);
        metrics.idle();
        assertThat(gauges)
                .extracting(name -> registry.get(name).gauge().value())
                .containsOnly(0.0);
        metrics.firstToken(250_000_000);
        metrics.nextToken(20_000_000);
        metrics.requestEnded(new RequestReport(
                "", FinishReason.LENGTH, Attainment.MET, 30, 10, 2, 100_000_000, 250_000_000, 20_000_000, 270_000_000));
        assertThat(List.of(
                        "vllm:prompt_tokens",
                        "vllm:generation_tokens",
                        "vllm:prefix_cache_queries",
                        "vllm:prefix_cache_hits",
                        "vllm:num_preemptions"))
                .extracting(name -> registry.get(name).counter().count())
                .containsExactly(30.0, 2.0, 30.0, 10.0, 5.0);
        assertThat(List.of(
                        "vllm:time_to_first_token",
                        "vllm:inter_token_latency",
                        "vllm:request_time_per_output_token",
                        "vllm:e2e_request_latency",
                        "vllm:request_queue_time",
                        "vllm:request_prefill_time",
                        "vllm:request_decode_time"))
                .extracting(name -> registry.get(name).timer().totalTime(TimeUnit.MILLISECONDS))
                .containsExactly(250.0, 20.0, 20.0, 270.0, 100.0, 150.0, 20.0);
    }

    @Test
    void endsAreCountedUnderVllmsReasons() {
        for (FinishReason reason : FinishReason.values()) {
            metrics.requestEnded(new RequestReport("", reason, Attainment.FAILED, 30, 10, 2, 1, 2, 1, 4));
        }
        metrics.requestEnded(new RequestReport("", FinishReason.STOP, Attainment.MET, 30, 10, 2, 1, 2, 1, 4));
        assertThat(List.of("stop", "length", "abort", "error"))
                .extracting(reason -> registry.get("vllm:request_success")
                        .tag("model_name", "base")
                        .tag("finished_reason", reason)
                        .counter()
                        .count())
                .containsExactly(2.0, 1.0, 3.0, 3.0);
    }
}
