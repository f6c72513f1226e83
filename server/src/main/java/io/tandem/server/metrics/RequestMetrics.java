package io.tandem.server.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.tandem.scheduler.loop.RequestReport;
import io.tandem.scheduler.slo.Attainment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** How requests fared by the targets, as meters. */
final class RequestMetrics {
    private static final int REMEMBERED = 256;

    private final Map<Attainment, Counter> ended = new EnumMap<>(Attainment.class);
    private final Counter goodTokens;
    private final Timer tpot;
    /** Whether the latest requests that count met their targets; engine thread only. */
    private final Deque<Boolean> latest = new ArrayDeque<>();

    private volatile double attainment = 1;

    RequestMetrics(MeterRegistry registry) {
        for (Attainment kind : Attainment.values()) {
            ended.put(
                    kind,
                    Counter.builder("tandem.requests.ended")
                            .description("requests by what became of their targets")
                            .tag("slo", kind.name().toLowerCase(Locale.ROOT).replace('_', '-'))
                            .register(registry));
        }
        goodTokens = Counter.builder("tandem.goodput.tokens")
                .description("tokens of answers that met both targets")
                .register(registry);
        tpot = Timer.builder("tandem.request.tpot")
                .description("mean time per output token of a request, after its first")
                .publishPercentileHistogram()
                .register(registry);
        Gauge.builder("tandem.slo.attainment", () -> attainment)
                .description("share of the latest requests that met both targets")
                .register(registry);
    }

    void ended(RequestReport report) {
        Attainment kind = report.attainment();
        Objects.requireNonNull(ended.get(kind)).increment();
        if (report.tokens() > 1) {
            tpot.record(report.tpotNanos(), TimeUnit.NANOSECONDS);
        }
        if (kind == Attainment.MET) {
            goodTokens.increment(report.tokens());
        }
        if (kind != Attainment.UNDECIDED) {
            latest.addLast(kind == Attainment.MET);
            if (latest.size() > REMEMBERED) {
                latest.removeFirst();
            }
            attainment = (double) latest.stream().filter(met -> met).count() / latest.size();
        }
    }
}
