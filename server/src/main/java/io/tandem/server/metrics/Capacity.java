package io.tandem.server.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Targets;

/** What the settings promise and allow, beside what is measured: targets and slots. */
public final class Capacity {
    private Capacity() {}

    public static void bind(MeterRegistry registry, KernelsConfig limits, SchedulerConfig config) {
        Targets targets = config.targets();
        target(registry, "ttft", targets.ttftMillis());
        target(registry, "tpot", targets.tpotMillis());
        slots(registry, "sequences", limits.kvSlots());
        slots(registry, "adapters", config.servedAdapters(limits));
    }

    private static void target(MeterRegistry registry, String kind, double millis) {
        Gauge.builder("tandem.slo.target", () -> millis / 1000)
                .description("what requests are promised")
                .baseUnit("seconds")
                .tag("kind", kind)
                .register(registry);
    }

    private static void slots(MeterRegistry registry, String kind, int count) {
        Gauge.builder("tandem.slots", () -> count)
                .description("places on the device")
                .tag("kind", kind)
                .register(registry);
    }
}
