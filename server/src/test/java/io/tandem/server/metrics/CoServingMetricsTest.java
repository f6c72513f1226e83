package io.tandem.server.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tandem.scheduler.loop.IterationReport;
import java.util.List;
import org.junit.jupiter.api.Test;

class CoServingMetricsTest {
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final CoServingMetrics metrics = new CoServingMetrics(registry);

    @Test
    void gaugesAreZeroWhileNothingRuns() {
        metrics.iteration(new IterationReport(1, 1, 1, 0, 8, 0, 0, 0, 0, 0, 3, 8, 2, 0, 0, 640, 0));
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
}
