package io.tandem.server.access;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** An issuer's public keys (RFC 7517), at an address or in a file. */
final class Jwks {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int MAX_BYTES = 1 << 20;
    /** A secret that both sides know is no public key: whoever reads the document could sign with it. */
    private static final Set<String> PUBLIC = Set.of("RSA", "EC", "OKP");

    private final URI address;
    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(PATIENCE).build();

    Jwks(URI address) {
        this.address = address;
    }

    boolean isFile() {
        return "file".equals(address.getScheme());
    }

    /**
     * Keys for signatures; waits for the disk or the issuer.
     *
     * @throws IOException if there are none
     */
    List<JsonObject> read() throws IOException {
        byte[] bytes = isFile() ? Files.readAllBytes(Path.of(address)) : fetch();
        List<JsonObject> keys = new ArrayList<>();
        for (JsonNode key : JsonBody.MAPPER.readTree(bytes).path("keys")) {
            boolean signs = key.path("use").asText("sig").equals("sig");
            if (signs && PUBLIC.contains(key.path("kty").asText())) {
                keys.add(new JsonObject(key.toString()));
            }
        }
        if (keys.isEmpty()) {
            throw new IOException(address + " has no public keys for signatures");
        }
        return keys;
    }

    private byte[] fetch() throws IOException {
        HttpRequest request = HttpRequest.newBuilder(address).timeout(PATIENCE).build();
        try {
            HttpResponse<InputStream> answer = http.send(request, BodyHandlers.ofInputStream());
            try (InputStream body = answer.body()) {
                byte[] bytes = body.readNBytes(MAX_BYTES + 1);
                if (answer.statusCode() != 200 || bytes.length > MAX_BYTES) {
                    throw new IOException(address + " answers " + answer.statusCode() + " with " + bytes.length
                            + " bytes, expected 200 and at most " + MAX_BYTES);
                }
                return bytes;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
