package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.api.JsonBody;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Versions of adapters: replaced, tried, taken back, pinned, and found again after a restart. */
@Timeout(120)
class AdapterVersionsIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);

    @TempDir
    private Path directory;

    private RunningServer server;
    private AdapterClient adapters;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory);
        adapters = new AdapterClient(server, directory);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static Adapter adapter(long seed) {
        return TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, seed);
    }

    @Test
    void aLoadReportsWhatItMatchedAndThatItMakesADifference() throws Exception {
        JsonNode report = adapters.create("mine", adapter(1)).path("report");
        assertThat(report.path("modules").asInt()).isEqualTo(7 * MODEL.config().layers());
        assertThat(report.path("max_rank").asInt()).isBetween(2, 8);
        assertThat(report.path("norm").asDouble()).isPositive();
        assertThat(report.path("module_norms")
                        .path("model.layers.0.self_attn.q_proj")
                        .asDouble())
                .isPositive();
        assertThat(report.path("probe").path("logprob_difference").asDouble()).isPositive();
    }

    @Test
    void anAdapterThatChangesNothingIsRefused() throws Exception {
        Adapter some = adapter(1);
        Map<Site, LowRank> modules = new TreeMap<>();
        some.factors()
                .forEach((site, factors) -> modules.put(
                        site,
                        new LowRank(
                                factors.rank(),
                                factors.inputs(),
                                factors.outputs(),
                                factors.a(),
                                new float[factors.b().length],
                                factors.scaling())));
        adapters.write("zero", new Adapter(some.config(), modules));
        HttpResponse<String> answer = server.post("/v1/adapters", "{\"name\":\"zero\",\"path\":\"zero\"}");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(AdapterClient.error(answer).path("message").asText()).contains("changes nothing");
        assertThat(server.get("/v1/adapters/zero").statusCode()).isEqualTo(404);
    }

    @Test
    void replacingUnderTrafficGivesEveryRequestTheOldOrTheNewVersionWhole() throws Exception {
        String old = adapters.create("mine", adapter(1))
                .path("versions")
                .path(0)
                .path("id")
                .asText();
        String before = adapters.text("mine");
        List<CompletableFuture<String>> traffic = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            traffic.add(adapters.textLater("mine"));
        }
        adapters.create("mine", adapter(2));
        for (int i = 0; i < 10; i++) {
            traffic.add(adapters.textLater("mine"));
        }
        String after = adapters.text("mine");
        assertThat(after).isNotEqualTo(before);
        for (CompletableFuture<String> text : traffic) {
            assertThat(text.get()).isIn(before, after);
        }
        assertThat(traffic.get(29).get()).isEqualTo(after);
        assertThat(adapters.text(old)).isEqualTo(before);
    }

    @Test
    void oneCallTakesAVersionBack() throws Exception {
        String first = adapters.create("mine", adapter(1)).path("version").asText();
        String before = adapters.text("mine");
        String second = adapters.create("mine", adapter(2)).path("version").asText();
        assertThat(adapters.act("mine", "rollback", "").path("version").asText())
                .isEqualTo(first);
        assertThat(adapters.text("mine")).isEqualTo(before);
        HttpResponse<String> further = server.post("/v1/adapters/mine/rollback", "{}");
        assertThat(further.statusCode()).isEqualTo(400);
        assertThat(adapters.act("mine", "rollback", "{\"version\":\"mine@" + second + "\"}")
                        .path("version")
                        .asText())
                .isEqualTo(second);
        assertThat(adapters.text("mine")).isNotEqualTo(before);
    }

    @Test
    void aCanaryGetsItsShareAndEachUserStays() throws Exception {
        adapters.create("mine", adapter(1));
        adapters.write("next", adapter(2));
        JsonNode entry =
                server.json(server.post("/v1/adapters", "{\"name\":\"mine\",\"path\":\"next\",\"canary_percent\":30}"));
        String canary = entry.path("canary").path("version").asText();
        assertThat(entry.path("version").asText()).isNotEqualTo(canary);
        int tried = 0;
        for (int user = 0; user < 200; user++) {
            String fields = ",\"user\":\"u" + user + "\"";
            String version = adapters.version("mine", fields);
            assertThat(version).startsWith("mine@");
            if (version.equals("mine@" + canary)) {
                tried++;
            }
            if (user % 40 == 0) {
                assertThat(adapters.version("mine", fields)).isEqualTo(version);
            }
        }
        // Five standard deviations of a binomial share.
        assertThat(tried).isBetween(60 - 33, 60 + 33);
        assertThat(adapters.act("mine", "canary", "{\"version\":\"" + canary + "\",\"percent\":100}")
                        .path("version")
                        .asText())
                .isEqualTo(canary);
        assertThat(adapters.version("mine", "")).isEqualTo("mine@" + canary);
    }

    @Test
    void aPinnedAdapterStaysOnTheDevice() throws Exception {
        adapters.create("pinned", adapter(1));
        adapters.act("pinned", "pin", "");
        // More others than the four slots.
        for (int i = 2; i < 8; i++) {
            adapters.create("a" + i, adapter(i));
            adapters.text("a" + i);
        }
        double swaps = adapters.metric("tandem_adapter_swaps_total");
        adapters.text("pinned");
        assertThat(adapters.metric("tandem_adapter_swaps_total")).isEqualTo(swaps);
        assertThat(adapters.get("pinned").path("tier").asText()).isEqualTo("device");
        for (int i = 2; i < 4; i++) {
            adapters.act("a" + i, "pin", "{\"pinned\":true}");
        }
        HttpResponse<String> tooMany = server.post("/v1/adapters/a5/pin", "{\"pinned\":true}");
        assertThat(tooMany.statusCode()).isEqualTo(400);
        assertThat(AdapterClient.error(tooMany).path("param").asText()).isEqualTo("pinned");
        assertThat(AdapterClient.error(tooMany).path("message").asText()).contains("kernels.adapter-slots");
    }

    @Test
    void aRestartFindsNamesVersionsPinsAndLabels() throws Exception {
        adapters.create("mine", adapter(1));
        adapters.create("mine", adapter(2));
        adapters.act("mine", "pin", "");
        adapters.act("mine", "labels", "{\"labels\":{\"team\":\"red\"}}");
        String text = adapters.text("mine");
        adapters.create("broken", adapter(3));
        server.close();
        try (Stream<Path> files = Files.walk(directory.resolve("data/adapters/broken"))) {
            Path weights = files.filter(file -> file.endsWith("adapter_model.safetensors"))
                    .findFirst()
                    .orElseThrow();
            Files.write(weights, new byte[100]);
        }
        start();
        assertThat(adapters.text("mine")).isEqualTo(text);
        JsonNode entry = adapters.get("mine");
        assertThat(entry.path("versions")).hasSize(2);
        assertThat(entry.path("pinned").asBoolean()).isTrue();
        assertThat(server.json(server.get("/v1/adapters?label=team%3Dred")).path("data"))
                .hasSize(1);
        HttpResponse<String> broken = adapters.ask("broken", "");
        assertThat(broken.statusCode()).isEqualTo(409);
        assertThat(AdapterClient.error(broken).path("code").asText()).isEqualTo("adapter_broken");
    }

    @Test
    void twentyRequestsForAColdAdapterReadItOnce() throws Exception {
        adapters.create("mine", adapter(1));
        server.close();
        start();
        String loads = "tandem_adapter_load_seconds_count{form=\"plain\"}";
        assertThat(adapters.metric(loads)).isZero();
        List<CompletableFuture<String>> texts = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            texts.add(adapters.textLater("mine"));
        }
        for (CompletableFuture<String> text : texts) {
            assertThat(text.get()).isEqualTo(texts.get(0).get());
        }
        assertThat(adapters.metric(loads)).isEqualTo(1);
        assertThat(adapters.metric("tandem_adapter_requests_total{result=\"miss\",tier=\"host\"}"))
                .isEqualTo(1);
        assertThat(adapters.metric("tandem_adapters{tier=\"device\"}")).isEqualTo(1);
    }

    @Test
    void anAnswerTellsWhereItsAdapterWas() throws Exception {
        for (int i = 0; i < 6; i++) {
            adapters.create("a" + i, adapter(i));
        }
        server.close();
        start();
        assertThat(tier("a0")).isEqualTo("disk");
        assertThat(tier("a0")).isEqualTo("device");
        // More others than the four slots.
        for (int i = 1; i < 6; i++) {
            adapters.text("a" + i);
        }
        assertThat(tier("a0+a5")).isEqualTo("host");
        assertThat(tier(RunningServer.MODEL)).isEmpty();
    }

    private String tier(String model) throws Exception {
        HttpResponse<String> answer = adapters.ask(model, "");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return answer.headers().firstValue("X-Adapter-Tier").orElse("");
    }

    @Test
    void deletingIsForNewRequestsOnly() throws Exception {
        String first = adapters.create("mine", adapter(1)).path("version").asText();
        String second = adapters.create("mine", adapter(2)).path("version").asText();
        assertThat(server.delete("/v1/adapters/mine@" + second).statusCode()).isEqualTo(400);
        assertThat(server.delete("/v1/adapters/mine@" + first).statusCode()).isEqualTo(200);
        assertThat(adapters.get("mine").path("versions")).hasSize(1);
        List<String> before = new ArrayList<>();
        longStream("mine").forEachRemaining(before::add);
        Iterator<String> running = longStream("mine");
        List<String> texts = new ArrayList<>(List.of(running.next()));
        assertThat(server.delete("/v1/adapters/mine").statusCode()).isEqualTo(200);
        running.forEachRemaining(texts::add);
        assertThat(String.join("", texts)).isEqualTo(String.join("", before)).isNotEmpty();
        assertThat(adapters.ask("mine", "").statusCode()).isEqualTo(404);
        assertThat(server.delete("/v1/adapters/mine").statusCode()).isEqualTo(404);
    }

    /** The texts of an answer that takes many times as long as another request, as they come. */
    private Iterator<String> longStream(String model) throws Exception {
        String body = "{\"model\":\"" + model + "\",\"prompt\":\"the same\",\"max_tokens\":200,\"ignore_eos\":true,"
                + "\"temperature\":0,\"stream\":true}";
        HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + "/v1/completions"))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body))
                .build();
        HttpResponse<Stream<String>> answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofLines());
        assertThat(answer.statusCode()).isEqualTo(200);
        return answer.body()
                .filter(line -> line.startsWith("data: {"))
                .map(line -> text(line.substring("data: ".length())))
                .iterator();
    }

    private static String text(String event) {
        try {
            return JsonBody.MAPPER.readTree(event).at("/choices/0/text").asText();
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }
}
