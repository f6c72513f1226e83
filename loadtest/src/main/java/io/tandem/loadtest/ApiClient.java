package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/** A client of the OpenAI-shaped API. */
final class ApiClient {
    static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http = HttpClient.newHttpClient();
    private final String url;

    ApiClient(String url) {
        this.url = url;
    }

    JsonNode get(String path) throws IOException, InterruptedException {
        return answer(http.send(request(path).build(), BodyHandlers.ofString()));
    }

    JsonNode post(String path, ObjectNode body) throws IOException, InterruptedException {
        HttpRequest request = request(path)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body.toString()))
                .build();
        return answer(http.send(request, BodyHandlers.ofString()));
    }

    /** The sum of a metric over its labels; 0 if there is none of that name and label. */
    double metric(String name, String label) throws IOException, InterruptedException {
        HttpResponse<String> answer = http.send(request("/metrics").build(), BodyHandlers.ofString());
        return answer.body()
                .lines()
                .filter(line -> line.startsWith(name + "{") || line.startsWith(name + " "))
                .filter(line -> line.contains(label))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(url + path));
    }

    private static JsonNode answer(HttpResponse<String> response) throws IOException {
        if (response.statusCode() != 200) {
            throw new IOException(response.uri() + " answers " + response.statusCode() + ": " + response.body());
        }
        return JSON.readTree(response.body());
    }

    /** Uploads a file for fine-tuning; returns its id. */
    String upload(Path file) throws IOException, InterruptedException {
        String boundary = "tandem-" + System.nanoTime();
        String head = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--"
                + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + file.getFileName()
                + "\"\r\nContent-Type: application/jsonl\r\n\r\n";
        String body = head + Files.readString(file) + "\r\n--" + boundary + "--\r\n";
        HttpRequest request = request("/v1/files")
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(BodyPublishers.ofString(body))
                .build();
        return answer(http.send(request, BodyHandlers.ofString())).path("id").asText();
    }

    /** A greedy answer to one question. */
    String ask(String model, String question) throws IOException, InterruptedException {
        ObjectNode body = chat(model, question);
        body.put("temperature", 0);
        body.put("max_tokens", 64);
        JsonNode answer = post("/v1/chat/completions", body);
        return answer.path("choices").path(0).path("message").path("content").asText();
    }

    /** Streams one answer; tells when each token came, in nanoseconds. */
    void stream(String model, String question, int maxTokens, LongConsumer tokens)
            throws IOException, InterruptedException {
        ObjectNode body = chat(model, question);
        body.put("stream", true);
        body.put("ignore_eos", true);
        body.put("max_tokens", maxTokens);
        HttpRequest request = request("/v1/chat/completions")
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body.toString()))
                .build();
        HttpResponse<Stream<String>> response = http.send(request, BodyHandlers.ofLines());
        try (Stream<String> lines = response.body()) {
            if (response.statusCode() != 200) {
                throw new IOException(response.uri() + " answers " + response.statusCode());
            }
            for (Iterator<String> it = lines.iterator(); it.hasNext(); ) {
                if (it.next().startsWith("data: {")) {
                    tokens.accept(System.nanoTime());
                }
            }
        }
    }

    private static ObjectNode chat(String model, String question) {
        ObjectNode body = JSON.createObjectNode();
        body.put("model", model);
        body.putArray("messages").addObject().put("role", "user").put("content", question);
        return body;
    }
}
