package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Status.StatusCode;
import io.tandem.server.config.AdaptersConfig;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Spans of requests and jobs, as a collector gets them. */
@Timeout(120)
class TracesIT {
    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
    private static final String PARENT = "00f067aa0ba902b7";
    private static final String COMPLETION = "POST /v1/completions";

    @TempDir
    private Path directory;

    private RunningServer start(Map<String, String> environment) throws Exception {
        return RunningServer.start(directory, AdaptersConfig.DEFAULT, environment);
    }

    private static Map<String, String> to(String endpoint) {
        return Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, "OTEL_BSP_SCHEDULE_DELAY", "50");
    }

    private static HttpResponse<String> complete(RunningServer server, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + "/v1/completions"))
                .header("Content-Type", "application/json")
                .header("X-Request-Id", "mine")
                .header("traceparent", "00-" + TRACE + "-" + PARENT + "-01")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    }

    private static String hex(com.google.protobuf.ByteString bytes) {
        return HexFormat.of().formatHex(bytes.toByteArray());
    }

    private static Map<String, AnyValue> attributes(Span span) {
        return span.getAttributesList().stream().collect(Collectors.toMap(KeyValue::getKey, KeyValue::getValue));
    }

    private static List<Span> below(Collector collector, Span parent) {
        return collector.spans().stream()
                .filter(span -> span.getParentSpanId().equals(parent.getSpanId()))
                .toList();
    }

    @Test
    void aRequestIsFollowedThroughQueuePromptAndTokens() throws Exception {
        try (Collector collector = new Collector();
                RunningServer server = start(to(collector.endpoint()))) {
            HttpResponse<String> answer = complete(
                    server, "{\"model\":\"tiny\",\"prompt\":\"a b c\",\"max_tokens\":5,\"n\":2,\"ignore_eos\":true}");
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            Span request = collector.await(COMPLETION);
            assertThat(hex(request.getTraceId())).isEqualTo(TRACE);
            assertThat(hex(request.getParentSpanId())).isEqualTo(PARENT);
            assertThat(request.getKind()).isEqualTo(Span.SpanKind.SPAN_KIND_SERVER);
            assertThat(attributes(request).get("http.route").getStringValue()).isEqualTo("/v1/completions");
            assertThat(attributes(request).get("tandem.tenant").getStringValue())
                    .isEqualTo("default");
            assertThat(attributes(request).get("tandem.request").getStringValue())
                    .isEqualTo("mine");

            List<Span> answers = below(collector, request);
            assertThat(answers).extracting(Span::getName).containsExactly("answer", "answer");
            for (Span each : answers) {
                assertThat(attributes(each).get("gen_ai.usage.output_tokens").getIntValue())
                        .isEqualTo(5);
                List<Span> phases = below(collector, each);
                assertThat(phases).extracting(Span::getName).containsExactly("queue", "prefill", "decode");
                // One begins where the other ends, to the resolution of the clocks.
                for (int i = 1; i < phases.size(); i++) {
                    assertThat(Math.abs(phases.get(i).getStartTimeUnixNano()
                                    - phases.get(i - 1).getEndTimeUnixNano()))
                            .isLessThan(1_000_000);
                }
                assertThat(phases).allMatch(span -> span.getEndTimeUnixNano() >= span.getStartTimeUnixNano());
                assertThat(phases.get(0).getStartTimeUnixNano()).isEqualTo(each.getStartTimeUnixNano());
                assertThat(phases.get(2).getEndTimeUnixNano()).isEqualTo(each.getEndTimeUnixNano());
            }
        }
    }

    @Test
    void aRefusalIsASpanWithItsStatus() throws Exception {
        try (Collector collector = new Collector();
                RunningServer server = start(to(collector.endpoint()))) {
            assertThat(complete(server, "{\"model\":\"nobody\",\"prompt\":\"a\"}")
                            .statusCode())
                    .isEqualTo(404);
            Span request = collector.await(COMPLETION);
            assertThat(attributes(request).get("http.response.status_code").getStringValue())
                    .isEqualTo("404");
            assertThat(below(collector, request)).isEmpty();
        }
    }

    /** Some clients send their keys there. */
    @Test
    void queriesAreInNoSpan() throws Exception {
        try (Collector collector = new Collector();
                RunningServer server = start(to(collector.endpoint()))) {
            server.get("/v1/models?api_key=sk-secret");
            server.get("/nothing?api_key=sk-secret");
            server.get("/v1/files?limit=1&api_key=sk-secret");
            Span last = collector.await("GET /v1/files");
            assertThat(attributes(last).get("http.url").getStringValue()).isEqualTo(server.url() + "/v1/files");
            assertThat(collector.spans().toString()).contains("/nothing").doesNotContain("sk-secret");
        }
    }

    /** Names of spans are few, whatever clients send. */
    @Test
    void inventedMethodsAreNoNames() throws Exception {
        try (Collector collector = new Collector();
                RunningServer server = start(to(collector.endpoint()))) {
            for (String path : new String[] {"/v1/models", "/nothing", "/health"}) {
                assertThat(RawHttp.send(server.port(), "INVENTED", path).status())
                        .isBetween(400, 499);
            }
            server.get("/v1/models");
            collector.await("GET /v1/models");
            assertThat(collector.spans())
                    .extracting(Span::getName)
                    .filteredOn(name -> !name.startsWith("GET"))
                    .containsExactly("HTTP", "HTTP", "HTTP");
            Map<String, AnyValue> invented = attributes(collector.await("HTTP"));
            assertThat(invented.get("http.request.method").getStringValue()).isEqualTo("_OTHER");
            assertThat(invented.get("http.request.method_original").getStringValue())
                    .isEqualTo("INVENTED");
        }
    }

    @Test
    void aServerThatStopsHasWrittenAllBeforeItWaitsForTheCollector() throws Exception {
        try (ServerSocket silent = new ServerSocket(0)) {
            RunningServer server = start(to("http://127.0.0.1:" + silent.getLocalPort()));
            complete(server, "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":3}");
            Thread closing = new Thread(server::close);
            closing.start();
            while (locked(directory.resolve("data/.lock"))) {
                Thread.sleep(10);
            }
            assertThat(closing.isAlive()).isTrue();
            closing.join();
        }
    }

    private static boolean locked(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            return lock == null;
        } catch (OverlappingFileLockException e) {
            return true;
        }
    }

    @Test
    void aJobIsFollowedThroughItsSteps() throws Exception {
        try (Collector collector = new Collector();
                RunningServer server = start(to(collector.endpoint()))) {
            String file = server.upload("train.jsonl", TrainingFiles.chats(8));
            String id = server.json(server.post(
                            "/v1/fine_tuning/jobs",
                            "{\"model\":\"tiny\",\"training_file\":\"" + file
                                    + "\",\"hyperparameters\":{\"n_epochs\":1,\"batch_size\":2}}"))
                    .path("id")
                    .asText();
            Span job = collector.await("fine-tuning job");
            assertThat(attributes(job).get("tandem.job").getStringValue()).isEqualTo(id);
            assertThat(attributes(job).get("tandem.outcome").getStringValue()).isEqualTo("succeeded");
            List<Span> steps = below(collector, job);
            assertThat(steps).extracting(Span::getName).containsExactly("queue", "step", "step", "step", "step");
            assertThat(steps.subList(1, 5))
                    .extracting(step -> attributes(step).get("tandem.step").getIntValue())
                    .containsExactly(1L, 2L, 3L, 4L);
            assertThat(job.getStatus().getCode()).isNotEqualTo(StatusCode.STATUS_CODE_ERROR);
        }
    }

    @Test
    void unsampledRequestsCostNoSpansAndAMissingCollectorNoAnswer() throws Exception {
        try (Collector collector = new Collector();
                RunningServer server = start(Map.of(
                        "OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint(),
                        "OTEL_BSP_SCHEDULE_DELAY", "50",
                        "OTEL_TRACES_SAMPLER", "always_off"))) {
            assertThat(complete(server, "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":3}")
                            .statusCode())
                    .isEqualTo(200);
            Thread.sleep(300);
            assertThat(collector.spans()).isEmpty();
        }
        try (RunningServer server = start(to("http://127.0.0.1:9"))) {
            for (int i = 0; i < 20; i++) {
                assertThat(complete(server, "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":3}")
                                .statusCode())
                        .isEqualTo(200);
            }
        }
    }
}
