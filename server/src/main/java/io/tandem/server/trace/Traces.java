package io.tandem.server.trace;

import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.tandem.scheduler.JobEngine;
import io.tandem.scheduler.TokenSource;
import io.tandem.server.config.ConfigException;
import io.vertx.core.Vertx;
import io.vertx.core.VertxBuilder;
import io.vertx.core.VertxOptions;
import io.vertx.tracing.opentelemetry.OpenTelemetryTracingFactory;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Spans of requests and jobs, sent to a collector by OTLP over HTTP. The environment says whether and where, by
 * OpenTelemetry's own variables: nothing is recorded unless one of them names an endpoint or an exporter.
 */
public final class Traces implements AutoCloseable {
    private static final String PREFIX = "OTEL_";
    private static final String EXPORTER = "otel.traces.exporter";
    private static final String ENDPOINT = "otel.exporter.otlp.endpoint";
    private static final String TRACES_ENDPOINT = "otel.exporter.otlp.traces.endpoint";

    /** What is sent where nobody says otherwise: spans only, since Prometheus reads the metrics. */
    private static final Map<String, String> DEFAULTS = Map.of(
            "otel.service.name", "tandem",
            "otel.exporter.otlp.protocol", "http/protobuf",
            "otel.metrics.exporter", "none",
            "otel.logs.exporter", "none");

    private final Optional<OpenTelemetrySdk> sdk;
    private final Tracer tracer;

    private Traces(Optional<OpenTelemetrySdk> sdk, String version) {
        this.sdk = sdk;
        OpenTelemetry telemetry = sdk.<OpenTelemetry>map(any -> any).orElseGet(OpenTelemetry::noop);
        this.tracer = telemetry
                .tracerBuilder("io.tandem")
                .setInstrumentationVersion(version)
                .build();
    }

    /**
     * @param environment variables of the process
     * @param version of the server
     * @throws ConfigException if a variable has a value that cannot be used
     */
    public static Traces of(Map<String, String> environment, String version) {
        Map<String, String> properties = properties(environment);
        boolean wanted = !properties.getOrDefault(EXPORTER, "").equals("none")
                && (properties.containsKey(EXPORTER)
                        || properties.containsKey(ENDPOINT)
                        || properties.containsKey(TRACES_ENDPOINT));
        if (!wanted) {
            return new Traces(Optional.empty(), version);
        }
        try {
            OpenTelemetrySdk sdk = AutoConfiguredOpenTelemetrySdk.builder()
                    .disableShutdownHook()
                    .addPropertiesSupplier(() -> DEFAULTS)
                    .addPropertiesCustomizer(ignored -> properties)
                    .build()
                    .getOpenTelemetrySdk();
            return new Traces(Optional.of(sdk), version);
        } catch (RuntimeException e) {
            throw new ConfigException("traces cannot be sent as OTEL_… say: " + e.getMessage()
                    + " (Tandem sends OTLP over HTTP: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)");
        }
    }

    /** OpenTelemetry's properties by its variables: OTEL_SERVICE_NAME is otel.service.name. */
    private static Map<String, String> properties(Map<String, String> environment) {
        Map<String, String> found = new HashMap<>();
        environment.forEach((name, value) -> {
            if (name.startsWith(PREFIX) && !value.isBlank()) {
                found.put(name.toLowerCase(Locale.ROOT).replace('_', '.'), value.strip());
            }
        });
        return found;
    }

    /** Makes a span of each HTTP request, the child of the client's if the request names one. */
    public Vertx vertx(VertxOptions options) {
        VertxBuilder builder = Vertx.builder().with(options);
        sdk.ifPresent(any -> builder.withTracer(new OpenTelemetryTracingFactory(any)));
        return builder.build();
    }

    /** Whether spans are recorded and sent. */
    public boolean recording() {
        return sdk.isPresent();
    }

    /** The same source; answers to requests whose spans are recorded get spans of their own. */
    public TokenSource tokens(TokenSource source) {
        return sdk.isPresent() ? new TracedTokens(source, tracer) : source;
    }

    /** The same engine; jobs get spans. */
    public JobEngine jobs(JobEngine engine) {
        return sdk.isPresent() ? new TracedJobs(engine, tracer) : engine;
    }

    /** Sends what is left, for a few seconds at most. */
    @Override
    public void close() {
        sdk.ifPresent(OpenTelemetrySdk::close);
    }
}
