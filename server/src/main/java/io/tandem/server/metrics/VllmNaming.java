package io.tandem.server.metrics;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.NamingConvention;
import io.micrometer.prometheusmetrics.PrometheusNamingConvention;
import org.jspecify.annotations.Nullable;

/** Prometheus' names, but for the colon in vLLM's, which Micrometer would replace. */
public final class VllmNaming implements NamingConvention {
    private static final String PREFIX = "vllm:";

    private final NamingConvention standard = new PrometheusNamingConvention();

    @Override
    public String name(String name, Meter.Type type, @Nullable String baseUnit) {
        return name.startsWith(PREFIX)
                ? PREFIX + standard.name(name.substring(PREFIX.length()), type, baseUnit)
                : standard.name(name, type, baseUnit);
    }

    @Override
    public String tagKey(String key) {
        return standard.tagKey(key);
    }
}
