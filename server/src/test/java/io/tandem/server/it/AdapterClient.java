package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.adapter.BaseModel;
import io.tandem.server.adapter.LibraryResources;
import io.tandem.server.adapter.NoDevice;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.StoredData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the adapter tests ask of a server. */
final class AdapterClient {
    private final RunningServer server;
    private final Path directory;
    private final HttpClient client = HttpClient.newHttpClient();

    /** @param directory of the server */
    AdapterClient(RunningServer server, Path directory) {
        this.server = server;
        this.directory = directory;
    }

    /** Writes an adapter below the import root. */
    void write(String path, Adapter adapter) throws IOException {
        PeftFormat.write(directory.resolve("import").resolve(path), adapter, server.model());
    }

    /** Writes an adapter and imports it. */
    JsonNode create(String name, Adapter adapter) throws IOException, InterruptedException {
        write(name, adapter);
        return server.json(server.post("/v1/adapters", "{\"name\":\"" + name + "\",\"path\":\"" + name + "\"}"));
    }

    JsonNode get(String id) throws IOException, InterruptedException {
        return server.json(server.get("/v1/adapters/" + id));
    }

    JsonNode act(String id, String action, String body) throws IOException, InterruptedException {
        return server.json(server.post("/v1/adapters/" + id + "/" + action, body));
    }

    /** Asks for text; further fields come after the usual ones. */
    HttpResponse<String> ask(String model, String fields) throws IOException, InterruptedException {
        return server.post(
                "/v1/completions",
                "{\"model\":\"" + model + "\",\"prompt\":\"the same\",\"max_tokens\":24,\"temperature\":0" + fields
                        + "}");
    }

    String text(String model) throws IOException, InterruptedException {
        return text(model, "");
    }

    String text(String model, String fields) throws IOException, InterruptedException {
        return server.json(ask(model, fields))
                .path("choices")
                .path(0)
                .path("text")
                .asText();
    }

    /** The reference of the version that answered. */
    String version(String model, String fields) throws IOException, InterruptedException {
        HttpResponse<String> answer = ask(model, fields);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return answer.headers().firstValue("X-Adapter-Version").orElse("");
    }

    CompletableFuture<String> textLater(String model) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return text(model);
            } catch (IOException | InterruptedException e) {
                throw new CompletionException(e);
            }
        });
    }

    byte[] export(String id) throws IOException, InterruptedException {
        HttpRequest request = server.withKey(
                        HttpRequest.newBuilder(URI.create(server.url() + "/v1/adapters/" + id + "/export")))
                .build();
        HttpResponse<byte[]> answer = client.send(request, BodyHandlers.ofByteArray());
        assertThat(answer.statusCode()).isEqualTo(200);
        return answer.body();
    }

    /** Uploads files as a form. */
    HttpResponse<String> upload(String name, Map<String, byte[]> files) throws IOException, InterruptedException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.writeBytes(ascii("--part\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n" + name + "\r\n"));
        files.forEach((file, content) -> {
            body.writeBytes(ascii("--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + file
                    + "\"\r\nContent-Type: application/octet-stream\r\n\r\n"));
            body.writeBytes(content);
            body.writeBytes(ascii("\r\n"));
        });
        body.writeBytes(ascii("--part--\r\n"));
        HttpRequest request = server.withKey(HttpRequest.newBuilder(URI.create(server.url() + "/v1/adapters")))
                .header("Content-Type", "multipart/form-data; boundary=part")
                .POST(BodyPublishers.ofByteArray(body.toByteArray()))
                .build();
        return client.send(request, BodyHandlers.ofString());
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** A sample of the metrics, by its name with labels as Prometheus writes them. */
    double metric(String sample) throws IOException, InterruptedException {
        Matcher line = Pattern.compile("^" + Pattern.quote(sample) + " (\\S+)$", Pattern.MULTILINE)
                .matcher(server.get("/metrics").body());
        assertThat(line.find()).as(sample).isTrue();
        return Double.parseDouble(line.group(1));
    }

    static JsonNode error(HttpResponse<String> answer) throws IOException {
        return new JsonMapper().readTree(answer.body()).path("error");
    }

    /** Publishes an adapter in the data directory of a server that is not running, as one without checks would have. */
    static void publishUnchecked(Path directory, ModelConfig model, String name, Adapter adapter) throws Exception {
        Path data = directory.resolve("data");
        try (Storage storage = StoredData.open(Files.createDirectories(data));
                LibraryResources resources = new LibraryResources(
                        AdaptersConfig.DEFAULT,
                        new BaseModel("tiny", ""),
                        1,
                        new NoDevice(),
                        new SimpleMeterRegistry(),
                        Clock.systemUTC())) {
            AdapterStore store = new AdapterStore(storage, TenantId.DEFAULT, data, model, adapter.maxRank());
            AdapterLibrary library = new AdapterLibrary(store, TenantId.DEFAULT, resources);
            library.publish(name, adapter, "test", AdapterLibrary.WHOLE).get();
        }
    }
}
