package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.ApiKey;
import io.tandem.server.storage.Sha256;
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
import java.security.cert.CertificateException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;

/** Asks a server; what it refuses is an {@link IOException} with the server's own words. */
final class ServerClient {
    private static final String EXAMPLE = "http://localhost:8080";
    private static final String FILES = "/v1/files";
    private static final String PURPOSE = "fine-tune";
    private static final int PAGE = 1000;
    /** The name of a field, in quotes, with the objects that it is in. */
    private static final Pattern FIELD = Pattern.compile("'(?:[a-z0-9_]+\\.)*([a-z0-9_]+)'");

    private final String url;
    private final Optional<String> apiKey;
    private final Map<String, String> flags;
    private final HttpClient client = HttpClient.newHttpClient();

    /**
     * @param url for example {@code http://localhost:8080}; the scheme may be missing, and clients of OpenAI's API end it
     *     in {@code /v1}
     * @param flags of the command by the fields of requests that they fill
     */
    ServerClient(String url, Optional<String> apiKey, Map<String, String> flags) {
        String whole = url.contains("://") ? url : "http://" + url;
        this.url = whole.replaceFirst("/*(/v1)?/*$", "");
        this.apiKey = apiKey.map(key -> ApiKey.checked("the API key", key));
        this.flags = flags;
    }

    /**
     * A file on the server.
     *
     * @param own whether it was not there before
     */
    record Uploaded(String id, boolean own) {}

    /** A name as a part of a path. */
    static String part(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    JsonNode get(String path) throws IOException, InterruptedException {
        return json(request(path).build());
    }

    /** An answer that is no JSON. */
    String text(String path) throws IOException, InterruptedException {
        HttpResponse<String> answer = send(request(path).build(), BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw refusal(answer.statusCode(), answer.body());
        }
        return answer.body();
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

    /**
     * All objects of a list, page by page.
     *
     * @param path without a query
     */
    List<JsonNode> list(String path) throws IOException, InterruptedException {
        List<JsonNode> all = new ArrayList<>();
        String after = "";
        while (true) {
            JsonNode page = get(path + "?limit=" + PAGE + after);
            page.path("data").forEach(all::add);
            if (!page.path("has_more").asBoolean()) {
                return all;
            }
            after = "&after=" + part(page.path("last_id").asText());
        }
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

    /** Uploads examples to learn or to measure, unless the server has the same content already. */
    Uploaded uploadExamples(Path file) throws IOException, InterruptedException {
        if (!Files.isRegularFile(file)) {
            throw new FileNotFoundException("there is no file " + file);
        }
        String hash = Sha256.hex(file);
        for (JsonNode known : list(FILES)) {
            if (known.path("sha256").asText().equals(hash)
                    && known.path("purpose").asText().equals(PURPOSE)
                    && !known.has("expires_at")) {
                return new Uploaded(known.path("id").asText(), false);
            }
        }
        JsonNode object = upload(FILES, "purpose", PURPOSE, List.of(file));
        return new Uploaded(object.path("id").asText(), true);
    }

    /** Deletes a file that was uploaded for one request only; one that was there before stays. */
    void discard(Uploaded file) throws InterruptedException {
        if (file.own()) {
            try {
                delete(FILES + "/" + file.id());
            } catch (IOException e) {
                // It only takes space, and what the request itself came to is more important.
                return;
            }
        }
    }

    /** Writes what the server answers into a file. */
    void download(String path, Path file) throws IOException, InterruptedException {
        HttpResponse<byte[]> answer = send(request(path).build(), BodyHandlers.ofByteArray());
        if (answer.statusCode() != 200) {
            throw refusal(answer.statusCode(), new String(answer.body(), StandardCharsets.UTF_8));
        }
        Files.write(file, answer.body());
    }

    private HttpRequest.Builder request(String path) throws IOException {
        HttpRequest.Builder request;
        try {
            request = HttpRequest.newBuilder(URI.create(url + path));
        } catch (IllegalArgumentException e) {
            throw new IOException("'" + url + "' is not the address of a server; an example is " + EXAMPLE, e);
        }
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
        } catch (SSLException e) {
            throw new IOException(url + whyNoTls(e), e);
        } catch (ConnectException e) {
            throw new IOException(
                    "no server answers on " + url + "; start one with 'tandem serve', or name it with --url", e);
        } catch (IOException e) {
            if (url.startsWith("http:")) {
                throw new IOException(
                        url + " gives no answer (" + e.getMessage()
                                + "); a server with HTTPS is named with --url https://...",
                        e);
            }
            throw e;
        }
    }

    private static String whyNoTls(SSLException failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof CertificateException) {
                return " has a certificate that Java does not trust; docs/settings.md#https says how it does";
            }
        }
        return " does not answer in TLS; a server without HTTPS is named with --url http://...";
    }

    private IOException refusal(int status, String body) {
        try {
            String message = inFlags(
                    JsonBody.MAPPER.readTree(body).path("error").path("message").asText());
            return new IOException(message.isEmpty() ? "the server answers with status " + status : message);
        } catch (IOException e) {
            return new IOException("the server answers with status " + status, e);
        }
    }

    /** A message of the server with the flags instead of the fields of the request. */
    private String inFlags(String message) {
        return FIELD.matcher(message).replaceAll(field -> {
            String flag = flags.get(field.group(1));
            return Matcher.quoteReplacement(flag == null ? field.group() : flag);
        });
    }
}
