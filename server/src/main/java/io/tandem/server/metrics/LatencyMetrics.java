package io.tandem.server.metrics;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.slo.CostKind;
import io.tandem.scheduler.slo.LatencyReport;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** What the latency model predicts, how far it is off, and what it says that training costs. */
public final class LatencyMetrics {
    /** How much the latest iteration counts in the cost of training; about the last fifty count. */
    private static final double LATEST = 0.02;
    /** Of duration over prediction. */
    private static final double[] RATIOS = {0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.3, 1.5, 2, 3};

    private final Timer predicted;
    private final DistributionSummary inference;
    private final DistributionSummary finetune;
    private final DistributionSummary both;
    private volatile double trainingCostNanos;

    LatencyMetrics(MeterRegistry registry) {
        predicted = Timer.builder("tandem.iteration.predicted")
                .description("duration of one iteration as the latency model predicted it")
                .publishPercentileHistogram()
                .register(registry);
        inference = ratio(registry, "inference");
        finetune = ratio(registry, "finetune");
        both = ratio(registry, "both");
        Gauge.builder("tandem.training.tpot.cost", () -> trainingCostNanos / 1e9)
                .description("what fine-tuning windows add to the time per output token")
                .baseUnit("seconds")
                .register(registry);
    }

    /** Binds what the model believes, read whenever meters are. */
    public static void bind(MeterRegistry registry, Supplier<LatencyReport> model) {
        Gauge.builder("tandem.latency.error", () -> model.get().meanRelativeError())
                .description("mean relative error of the latency model")
                .register(registry);
        for (CostKind kind : CostKind.values()) {
            Gauge.builder(
                            "tandem.latency.cost",
                            () -> model.get().secondsPerUnit().getOrDefault(kind, 0.0))
                    .description("what one unit of work costs by the latency model")
                    .baseUnit("seconds")
                    .tag("kind", kind.name().toLowerCase(Locale.ROOT).replace('_', '-'))
                    .register(registry);
        }
    }

    private static DistributionSummary ratio(MeterRegistry registry, String carries) {
        return DistributionSummary.builder("tandem.iteration.prediction.ratio")
                .description("duration of an iteration over its prediction")
                .tag("carries", carries)
                .serviceLevelObjectives(RATIOS)
                .register(registry);
    }

    void iteration(IterationReport report) {
        predicted.record(report.predictedNanos(), TimeUnit.NANOSECONDS);
        DistributionSummary ratio = report.finetunes() ? report.serves() ? both : finetune : inference;
        ratio.record((double) report.durationNanos() / Math.max(1, report.predictedNanos()));
        if (report.decodeTokens() > 0) {
            double before = trainingCostNanos;
            trainingCostNanos = before + LATEST * (report.trainingNanos() - before);
        }
    }
}
