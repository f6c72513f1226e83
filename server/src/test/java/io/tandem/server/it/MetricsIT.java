package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What Prometheus reads. */
@Timeout(60)
class MetricsIT {
    private static final String BODY = "{\"model\":\"tiny\",\"prompt\":\"" + "the same words ".repeat(8)
            + "\",\"max_tokens\":6,\"ignore_eos\":true}";
    /** What promtool finds fault with, and is as others have it. */
    private static final Pattern STANDARD = Pattern.compile(
            "vllm:\\S+ metric names should not contain ':'|process_cpu_time_ns_total .*|system_cpu_count .*");

    @TempDir
    private Path directory;

    private static double value(String metrics, String name) {
        Matcher line = Pattern.compile("(?m)^" + Pattern.quote(name) + "\\{model_name=\"tiny\"} (\\S+)$")
                .matcher(metrics);
        assertThat(line.find()).as(name + " in " + metrics).isTrue();
        return Double.parseDouble(line.group(1));
    }

    @Test
    void vllmsMetricsCountRequests() throws Exception {
        try (RunningServer server = RunningServer.start(directory)) {
            int prompt = 0;
            int cached = 0;
            for (int i = 0; i < 3; i++) {
                var usage = server.json(server.post("/v1/completions", BODY)).path("usage");
                prompt += usage.path("prompt_tokens").asInt();
                cached += usage.at("/prompt_tokens_details/cached_tokens").asInt();
            }
            assertThat(cached).isPositive();
            String metrics = server.get("/metrics").body();
            // The last answer may be there before it is counted, of which its tokens are the last part.
            while (value(metrics, "vllm:request_generation_tokens_sum") < 18) {
                metrics = server.get("/metrics").body();
            }
            assertThat(value(metrics, "vllm:prompt_tokens_total")).isEqualTo(prompt);
            assertThat(value(metrics, "vllm:prefix_cache_queries_total")).isEqualTo(prompt);
            assertThat(value(metrics, "vllm:prefix_cache_hits_total")).isEqualTo(cached);
            assertThat(value(metrics, "vllm:generation_tokens_total")).isEqualTo(18);
            assertThat(value(metrics, "vllm:time_to_first_token_seconds_count")).isEqualTo(3);
            assertThat(value(metrics, "vllm:inter_token_latency_seconds_count")).isEqualTo(15);
            assertThat(value(metrics, "vllm:e2e_request_latency_seconds_count")).isEqualTo(3);
            assertThat(value(metrics, "vllm:e2e_request_latency_seconds_sum"))
                    .isGreaterThan(value(metrics, "vllm:time_to_first_token_seconds_sum"));
            assertThat(value(metrics, "vllm:request_generation_tokens_sum")).isEqualTo(18);
            assertThat(value(metrics, "vllm:num_requests_waiting")).isZero();
            assertThat(metrics)
                    .contains(
                            "vllm:time_to_first_token_seconds_bucket{model_name=\"tiny\",le=\"0.001\"}",
                            "vllm:request_success_total{finished_reason=\"length\",model_name=\"tiny\"} 3.0",
                            "# TYPE vllm:kv_cache_usage_perc gauge");
        }
    }

    /** What dashboard and alerts ask for has to be there, whatever else is. */
    @Test
    void dashboardAndAlertsAskForWhatThereIs() throws Exception {
        String metrics;
        try (RunningServer server = RunningServer.start(directory)) {
            server.post("/v1/completions", BODY);
            metrics = server.get("/metrics").body();
        }
        Path docker = Path.of("../docker");
        String asked = Files.readString(docker.resolve("grafana/tandem.json"))
                + Files.readString(docker.resolve("alerts.yaml"));
        Matcher names = Pattern.compile("\\b((?:tandem_|vllm:|jvm_)[a-z0-9_]+)").matcher(asked);
        int found = 0;
        while (names.find()) {
            found++;
            // Only there with TLS.
            if (!names.group(1).equals("tandem_tls_certificate_end_seconds")) {
                assertThat(metrics).containsPattern("(?m)^" + names.group(1) + "[ {]");
            }
        }
        assertThat(found).isGreaterThan(20);
    }

    @Test
    void promtoolReadsThem() throws Exception {
        Optional<Path> promtool = promtool();
        assumeTrue(promtool.isPresent(), "promtool is in the package prometheus");
        Path file = directory.resolve("metrics.txt");
        try (RunningServer server = RunningServer.start(directory)) {
            server.post("/v1/completions", BODY);
            Files.writeString(file, server.get("/metrics").body());
        }
        Process rules = new ProcessBuilder(promtool.get().toString(), "check", "rules", "../docker/alerts.yaml")
                .redirectErrorStream(true)
                .start();
        String verdict = new String(rules.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(rules.waitFor()).as(verdict).isZero();
        Process check = new ProcessBuilder(promtool.get().toString(), "check", "metrics")
                .redirectInput(file.toFile())
                .redirectErrorStream(true)
                .start();
        String said = new String(check.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(check.waitFor()).as(said).isIn(0, 3);
        List<String> faults =
                said.lines().filter(line -> !STANDARD.matcher(line).matches()).toList();
        assertThat(faults).isEmpty();
    }

    private static Optional<Path> promtool() throws IOException {
        return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(System.getProperty("path.separator")))
                .map(folder -> Path.of(folder, "promtool"))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
