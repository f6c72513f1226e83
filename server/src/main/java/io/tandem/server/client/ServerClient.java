package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.ApiKey;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Asks a server; what it refuses is an {@link IOException} with the server's own words. */
final class ServerClient {
    private final String url;
    private final Optional<String> apiKey;
    private final HttpClient client = HttpClient.newHttpClient();

    /** @param url without a slash at its end, for example {@code http://localhost:8080} */
    ServerClient(String url, Optional<String> apiKey) {
        this.url = url;
        this.apiKey = apiKey.map(key -> ApiKey.checked("the API key", key));
    }

    /** A name as a part of a path. */
    static String part(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    JsonNode get(String path) throws IOException, InterruptedException {
        return json(request(path).build());
    }

    JsonNode delete(String path) throws IOException, InterruptedException {
        return json(request(path).DELETE().build());
    }

    JsonNode post(String path, JsonNode body) throws IOException, InterruptedException {
        return json(request(path)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body.toString()))
                .build());
    }

    /** Sends a form with one text field, and files that all have the same field name, as the server wants. */
    JsonNode upload(String path, String field, String value, List<Path> files)
            throws IOException, InterruptedException {
        String boundary = UUID.randomUUID().toString();
        List<BodyPublisher> parts = new ArrayList<>();
        parts.add(BodyPublishers.ofString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + field
                + "\"\r\n\r\n" + value + "\r\n"));
        for (Path file : files) {
            if (!Files.isRegularFile(file)) {
                throw new FileNotFoundException("there is no file " + file);
            }
            parts.add(BodyPublishers.ofString(
                    "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\""
                            + file.getFileName() + "\"\r\nContent-Type: application/octet-stream\r\n\r\n"));
            parts.add(BodyPublishers.ofFile(file));
            parts.add(BodyPublishers.ofString("\r\n"));
        }
        parts.add(BodyPublishers.ofString("--" + boundary + "--\r\n"));
        return json(request(path)
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(BodyPublishers.concat(parts.toArray(BodyPublisher[]::new)))
                .build());
    }

    /** Uploads examples to learn or to measure; returns the file's id. */
    String uploadExamples(Path file) throws IOException, InterruptedException {
        return upload("/v1/files", "purpose", "fine-tune", List.of(file))
                .path("id")
                .asText();
    }

    /** Writes what the server answers into a file. */
    void download(String path, Path file) throws IOException, InterruptedException {
        HttpResponse<byte[]> answer = send(request(path).build(), BodyHandlers.ofByteArray());
        if (answer.statusCode() != 200) {
            throw refusal(answer.statusCode(), new String(answer.body(), StandardCharsets.UTF_8));
        }
        Files.write(file, answer.body());
    }

    private HttpRequest.Builder request(String path) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + path));
        apiKey.ifPresent(key -> request.header("Authorization", "Bearer " + key));
        return request;
    }

    private JsonNode json(HttpRequest request) throws IOException, InterruptedException {
        HttpResponse<String> answer = send(request, BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw refusal(answer.statusCode(), answer.body());
        }
        return JsonBody.MAPPER.readTree(answer.body());
    }

    private <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
            throws IOException, InterruptedException {
        try {
            return client.send(request, handler);
        } catch (ConnectException e) {
            throw new IOException(
                    "no server answers on " + url + "; start one with 'tandem serve', or name it with --url", e);
        }
    }

    private static IOException refusal(int status, String body) {
        try {
            String message =
                    JsonBody.MAPPER.readTree(body).path("error").path("message").asText();
            return new IOException(message.isEmpty() ? "the server answers with status " + status : message);
        } catch (IOException e) {
            return new IOException("the server answers with status " + status, e);
        }
    }
}
