package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.config.SourcesConfig;
import io.tandem.server.remote.LocalBuckets;
import io.tandem.server.remote.LocalHub;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Adapters of a hub and of an S3-compatible store, on first use and at a client's wish. */
@Timeout(120)
class AdapterSourcesIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);

    @TempDir
    private Path directory;

    private LocalHub hub;
    private LocalBuckets buckets;
    private RunningServer server;
    private AdapterClient client;
    private final Map<String, String> environment = new HashMap<>();

    @BeforeEach
    void publish() throws IOException {
        hub = new LocalHub();
        buckets = new LocalBuckets();
        environment.put("HF_ENDPOINT", hub.url());
        environment.put("HF_HOME", directory.resolve("home").toString());
        environment.put("AWS_ENDPOINT_URL", buckets.url());
        environment.put("AWS_ACCESS_KEY_ID", LocalBuckets.KEY);
        environment.put("AWS_SECRET_ACCESS_KEY", LocalBuckets.SECRET);
        hub.publish("org/adapters", write("hub", 1).getParent());
        try (Stream<Path> files = Files.list(write("store", 2))) {
            for (Path file : files.toList()) {
                buckets.put("adapters/team a/json/" + file.getFileName(), Files.readAllBytes(file));
            }
        }
    }

    @AfterEach
    void stop() {
        if (server != null) {
            server.close();
        }
        buckets.close();
        hub.close();
    }

    private static Adapter adapter(long seed) {
        return TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, seed);
    }

    private Path write(String name, long seed) throws IOException {
        Path written = directory.resolve("published-" + name).resolve("tone");
        PeftFormat.write(written, adapter(seed), MODEL.config());
        return written;
    }

    private void start(Map<String, String> named, String... allowed) throws IOException {
        start(new SourcesConfig(named, List.of(allowed), 1 << 20));
    }

    private void start(SourcesConfig sources) throws IOException {
        if (server != null) {
            server.close();
        }
        server = RunningServer.start(directory, new AdaptersConfig(1 << 20, 0, 5, 0, 0.2, sources), environment);
        client = new AdapterClient(server, directory);
    }

    private HttpResponse<String> load(String name, String path) throws Exception {
        return server.post("/v1/load_lora_adapter", "{\"lora_name\":\"" + name + "\",\"lora_path\":\"" + path + "\"}");
    }

    @Test
    void theFirstRequestFetchesOnceAndAnswersAsIfItWereLocal() throws Exception {
        start(Map.of("tone", "hf://org/adapters@v1/tone", "json", "s3://adapters/team a/json"));
        assertThat(server.get("/v1/models").body()).contains("\"id\":\"tone\"", "\"id\":\"json\"");
        assertThat(server.get("/v1/models/tone").statusCode()).isEqualTo(200);
        assertThat(hub.seen()).isEmpty();
        List<CompletableFuture<String>> together = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            together.add(client.textLater(i % 2 == 0 ? "tone" : "json"));
        }
        client.create("local-tone", adapter(1));
        client.create("local-json", adapter(2));
        for (int i = 0; i < 6; i++) {
            assertThat(together.get(i).get()).isEqualTo(client.text(i % 2 == 0 ? "local-tone" : "local-json"));
        }
        assertThat(client.text("tone+json")).isEqualTo(client.text("local-tone+local-json"));
        assertThat(hub.fetched("tone/adapter_model.safetensors")).hasSize(1);
        assertThat(buckets.seen().stream().filter(request -> request.startsWith("GET")))
                .hasSize(2);
        assertThat(client.get("tone").path("versions").path(0).path("origin").asText())
                .isEqualTo("fetched from hf://org/adapters@v1/tone");
    }

    @Test
    void aRestartFetchesNothingUnlessTheAddressIsAnother() throws Exception {
        start(Map.of("tone", "hf://org/adapters/tone"));
        String text = client.text("tone");
        int asked = hub.seen().size();
        start(Map.of("tone", "hf://org/adapters/tone"));
        assertThat(client.text("tone")).isEqualTo(text);
        assertThat(hub.seen()).hasSize(asked);
        start(Map.of("tone", "s3://adapters/team a/json"));
        assertThat(client.text("tone")).isNotEqualTo(text);
        assertThat(client.get("tone").path("versions")).hasSize(2);
    }

    @Test
    void mergesFetchTheirMembers() throws Exception {
        start(Map.of("tone", "hf://org/adapters/tone", "json", "s3://adapters/team a/json"));
        server.json(server.post("/v1/adapters/merge", "{\"name\":\"both\",\"ids\":[\"tone\",\"json\"]}"));
        assertThat(client.text("both")).isNotEmpty();
    }

    @Test
    void whatCannotBeHadIsAnErrorThatNamesNoAddress() throws Exception {
        hub.require("hf_right");
        PeftFormat.write(
                directory.resolve("other"),
                TinyAdapters.random(TinyModel.of(TinyModel.Variant.MISTRAL, 1).config(), LoraConfig.allLinears(), 4, 1),
                TinyModel.of(TinyModel.Variant.MISTRAL, 1).config());
        try (Stream<Path> files = Files.list(directory.resolve("other"))) {
            for (Path file : files.toList()) {
                buckets.put("adapters/other/" + file.getFileName(), Files.readAllBytes(file));
            }
        }
        start(Map.of("tone", "hf://org/adapters/tone", "none", "s3://adapters/none", "other", "s3://adapters/other"));
        for (String name : List.of("tone", "none")) {
            HttpResponse<String> answer = client.ask(name, "");
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(503);
            assertThat(answer.body()).contains("adapter_unavailable", name).doesNotContain("hf:", "s3:", "127.0.0.1");
        }
        HttpResponse<String> broken = client.ask("other", "");
        assertThat(broken.statusCode()).as(broken.body()).isEqualTo(409);
        assertThat(broken.body()).contains("adapter_broken", "other").doesNotContain("s3:", "adapter_config");
        assertThat(client.ask("nothing", "").statusCode()).isEqualTo(404);
        environment.put("HF_TOKEN", "hf_right");
        start(Map.of("tone", "hf://org/adapters/tone"));
        assertThat(client.text("tone")).isNotEmpty();
    }

    @Test
    void clientsNameOnlyWhatTheyMay() throws Exception {
        start(Map.of(), "hf://org/adapters", "s3://adapters/");
        assertThat(load("tone", "hf://org/adapters/tone").statusCode()).isEqualTo(200);
        assertThat(client.text("tone")).isNotEmpty();
        assertThat(server.json(server.post(
                                "/v1/adapters", "{\"name\":\"json\",\"path\":\"s3://adapters/team a/json\"}"))
                        .path("id")
                        .asText())
                .isEqualTo("json");
        for (String path :
                List.of("hf://org/adapters2/tone", "hf://other/adapters", "s3://adapters2/x", "http://127.0.0.1/x")) {
            HttpResponse<String> answer = load("x", path);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
            assertThat(answer.body()).contains("lora_path", "adapters.allow-sources");
        }
        for (String path :
                List.of("hf://org/adapters/../x", "hf://org/adapters/a//b", "s3://adapters/../x", "s3://adapters/")) {
            HttpResponse<String> answer = load("x", path);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
            assertThat(answer.body()).contains("lora_path", "expected hf://");
        }
        for (String path : List.of("hf://org/adapters/none", "hf://org/adapters@v9/tone", "s3://adapters/none")) {
            HttpResponse<String> answer = load("x", path);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(404);
            assertThat(answer.body()).contains("adapter_not_found", "lora_path");
        }
    }

    @Test
    void limitsAndKeysAreNamed() throws Exception {
        environment.put("AWS_SECRET_ACCESS_KEY", "wrong");
        start(new SourcesConfig(Map.of(), List.of("hf://", "s3://adapters/"), 1000));
        HttpResponse<String> large = load("x", "hf://org/adapters/tone");
        assertThat(large.statusCode()).as(large.body()).isEqualTo(400);
        assertThat(large.body()).contains("adapters.max-download-bytes");
        HttpResponse<String> closed = load("x", "s3://adapters/team a/json");
        assertThat(closed.statusCode()).as(closed.body()).isEqualTo(403);
        assertThat(closed.body()).contains("adapter_denied", "AWS_SECRET_ACCESS_KEY");
    }
}
