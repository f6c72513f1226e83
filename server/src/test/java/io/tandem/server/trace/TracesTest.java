package io.tandem.server.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.config.ConfigException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the environment says of traces. */
class TracesTest {
    private static boolean recorded(Map<String, String> environment) {
        try (Traces traces = Traces.of(environment, "1")) {
            return traces.recording();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "PATH, /bin, false",
        "OTEL_SERVICE_NAME, llm, false",
        "OTEL_TRACES_EXPORTER, none, false",
        "OTEL_TRACES_EXPORTER, otlp, true",
        "OTEL_EXPORTER_OTLP_ENDPOINT, http://127.0.0.1:9, true",
        "OTEL_EXPORTER_OTLP_ENDPOINT, ' ', false",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, http://127.0.0.1:9/v1/traces, true",
    })
    void nothingIsRecordedUnlessAsked(String name, String value, boolean recorded) {
        assertThat(recorded(Map.of(name, value))).isEqualTo(recorded);
    }

    @ParameterizedTest
    @CsvSource({
        "OTEL_EXPORTER_OTLP_PROTOCOL, grpc",
        "OTEL_TRACES_EXPORTER, zipkin",
        "OTEL_TRACES_SAMPLER, sometimes",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, not an address",
    })
    void whatCannotBeDoneIsRefused(String name, String value) {
        Map<String, String> environment = name.endsWith("ENDPOINT")
                ? Map.of(name, value)
                : Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9", name, value);
        assertThatThrownBy(() -> Traces.of(environment, "1"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("OTLP over HTTP");
    }

    @Test
    void disabledWins() {
        assertThat(recorded(
                        Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER", "none")))
                .isFalse();
    }
}
