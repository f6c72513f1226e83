package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** A client of the OpenAI-shaped API. */
public final class ApiClient {
    public static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http = HttpClient.newHttpClient();
    private final TokenStreams streams = new TokenStreams();
    private final String url;
    private final Optional<String> authorization;

    /** With the key in the environment, if there is one. */
    public ApiClient(String url) {
        this(url, System.getenv("TANDEM_API_KEY"));
    }

    public ApiClient(String url, @Nullable String key) {
        this.url = url;
        this.authorization =
                Optional.ofNullable(key).filter(text -> !text.isBlank()).map(text -> "Bearer " + text);
    }

    public JsonNode get(String path) throws IOException, InterruptedException {
        return answer(http.send(request(path).build(), BodyHandlers.ofString()));
    }

    public JsonNode post(String path, ObjectNode body) throws IOException, InterruptedException {
        HttpRequest request = request(path)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body.toString()))
                .build();
        return answer(http.send(request, BodyHandlers.ofString()));
    }

    /** The sum of a metric over its labels; 0 if there is none of that name and label. */
    public double metric(String name, String label) throws IOException, InterruptedException {
        return scrape().sum(name, label);
    }

    public Scrape scrape() throws IOException, InterruptedException {
        return new Scrape(http.send(request("/metrics").build(), BodyHandlers.ofString())
                .body()
                .lines()
                .toList());
    }

    public JsonNode delete(String path) throws IOException, InterruptedException {
        return answer(http.send(request(path).DELETE().build(), BodyHandlers.ofString()));
    }

    /** A file's content. */
    public byte[] content(String path) throws IOException, InterruptedException {
        HttpResponse<byte[]> response = http.send(request(path).build(), BodyHandlers.ofByteArray());
        if (response.statusCode() != 200) {
            throw refused(response, "");
        }
        return response.body();
    }

    private HttpRequest.Builder request(String path) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + path));
        authorization.ifPresent(header -> request.header("Authorization", header));
        return request;
    }

    private static JsonNode answer(HttpResponse<String> response) throws IOException {
        if (response.statusCode() != 200) {
            throw refused(response, ": " + response.body());
        }
        return JSON.readTree(response.body());
    }

    private static StatusException refused(HttpResponse<?> response, String why) {
        return new StatusException(response.uri() + " answers " + response.statusCode() + why, response.statusCode());
    }

    /** The name of the model that adapters stand on, which is listed first. */
    public String baseModel() throws IOException, InterruptedException {
        return get("/v1/models").at("/data/0/id").asText();
    }

    /** Uploads a file for fine-tuning; returns its id. */
    public String upload(Path file) throws IOException, InterruptedException {
        return upload("/v1/files", Map.of("purpose", "fine-tune"), List.of(file))
                .path("id")
                .asText();
    }

    /** Uploads lines as a file for fine-tuning; returns its id. */
    public String upload(List<String> lines) throws IOException, InterruptedException {
        Path file = Files.write(Files.createTempFile("tandem-examples", ".jsonl"), lines);
        try {
            return upload(file);
        } finally {
            Files.delete(file);
        }
    }

    /** Sends a form with fields, and with files in a field of the name "file". */
    public JsonNode upload(String path, Map<String, String> fields, List<Path> files)
            throws IOException, InterruptedException {
        String boundary = "tandem-" + System.nanoTime();
        String part = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"";
        List<BodyPublisher> body = new ArrayList<>();
        for (Map.Entry<String, String> field : fields.entrySet()) {
            body.add(BodyPublishers.ofString(part + field.getKey() + "\"\r\n\r\n" + field.getValue() + "\r\n"));
        }
        for (Path file : files) {
            body.add(BodyPublishers.ofString(part + "file\"; filename=\"" + file.getFileName()
                    + "\"\r\nContent-Type: application/octet-stream\r\n\r\n"));
            body.add(BodyPublishers.ofFile(file));
            body.add(BodyPublishers.ofString("\r\n"));
        }
        body.add(BodyPublishers.ofString("--" + boundary + "--\r\n"));
        HttpRequest request = request(path)
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(BodyPublishers.concat(body.toArray(BodyPublisher[]::new)))
                .build();
        return answer(http.send(request, BodyHandlers.ofString()));
    }

    /** A greedy answer to one question. */
    String ask(String model, String question) throws IOException, InterruptedException {
        ObjectNode body = chat(model, question);
        body.put("temperature", 0);
        body.put("max_tokens", 64);
        JsonNode answer = post("/v1/chat/completions", body);
        return answer.path("choices").path(0).path("message").path("content").asText();
    }

    /** Streams one answer; tells when each token came, in nanoseconds, and at the end what the head of the answer said. */
    MultiMap stream(String model, String question, int maxTokens, LongConsumer tokens)
            throws IOException, InterruptedException {
        return await(open(model, question, maxTokens, tokens));
    }

    /** As {@link #stream(String, String, int, LongConsumer)}, without waiting. */
    public Future<MultiMap> open(String model, String question, int maxTokens, LongConsumer tokens) {
        ObjectNode body = chat(model, question);
        body.put("stream", true);
        body.put("ignore_eos", true);
        body.put("max_tokens", maxTokens);
        return streams.open(url + "/v1/chat/completions", authorization, body.toString(), tokens);
    }

    /** Breaks off all streams that are open; there can be no more of them. */
    public void leave() {
        streams.close();
    }

    /** Sends a request for a stream; tells when each token came, in nanoseconds, and returns the head of the answer. */
    public MultiMap stream(String path, ObjectNode body, LongConsumer tokens) throws IOException, InterruptedException {
        return await(streams.open(url + path, authorization, body.toString(), tokens));
    }

    private static MultiMap await(Future<MultiMap> stream) throws IOException, InterruptedException {
        try {
            return stream.toCompletionStage().toCompletableFuture().get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            throw new IOException(e.getCause());
        }
    }

    private static ObjectNode chat(String model, String question) {
        ObjectNode body = JSON.createObjectNode();
        body.put("model", model);
        body.putArray("messages").addObject().put("role", "user").put("content", question);
        return body;
    }
}
