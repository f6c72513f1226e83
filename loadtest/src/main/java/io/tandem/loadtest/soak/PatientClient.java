package io.tandem.loadtest.soak;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.StatusException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A client that asks again when a store was away. */
record PatientClient(ApiClient client, Outages outages) {
    private static final int GONE = 404;

    JsonNode get(String path) throws IOException, InterruptedException {
        return outages.through(() -> client.get(path));
    }

    JsonNode post(String path, ObjectNode body) throws IOException, InterruptedException {
        return outages.through(() -> client.post(path, body));
    }

    byte[] content(String file) throws IOException, InterruptedException {
        return outages.through(() -> client.content("/v1/files/" + file + "/content"));
    }

    /** @return the file's id */
    String upload(String purpose, Path file) throws IOException, InterruptedException {
        return outages.through(() -> client.upload("/v1/files", Map.of("purpose", purpose), List.of(file)))
                .path("id")
                .asText();
    }

    void publish(GeneratedAdapter shape, String name, long seed) throws IOException, InterruptedException {
        outages.through(() -> {
            shape.publish(client, name, seed);
            return name;
        });
    }

    /** What a server refused to say that it deleted may be gone all the same. */
    void delete(String path) throws IOException, InterruptedException {
        boolean[] refused = {false};
        outages.through(() -> {
            try {
                return client.delete(path).path("id");
            } catch (StatusException e) {
                if (e.status() == GONE && refused[0]) {
                    return path;
                }
                refused[0] = true;
                throw e;
            }
        });
    }
}
