package io.tandem.server.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.Metadata;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;

/**
 * A checked body of {@code POST /v1/batches}.
 *
 * @param input id of the file with the requests
 * @param endpoint of all of them
 * @param outputLifetime seconds until the files with the results expire, if they do
 */
public record BatchSpec(String input, String endpoint, Optional<ObjectNode> metadata, OptionalLong outputLifetime) {
    /** What the rows of a batch may be requests to. */
    public static final Set<String> ENDPOINTS =
            Set.of("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses");

    private static final Set<String> KNOWN =
            Set.of("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after");
    private static final String WINDOW = "24h";
    /** An hour and thirty days, as at OpenAI. */
    private static final long MIN_LIFETIME = 3600;

    private static final long MAX_LIFETIME = 2_592_000;

    /** @throws ApiException naming the field that is wrong */
    static BatchSpec parse(JsonBody body) {
        body.rejectUnknown(KNOWN);
        String endpoint = body.requiredString("endpoint", 64);
        if (!ENDPOINTS.contains(endpoint)) {
            throw body.invalid("endpoint", "must be one of " + String.join(", ", new TreeSet<>(ENDPOINTS)) + ".");
        }
        if (!body.requiredString("completion_window", 16).equals(WINDOW)) {
            throw body.invalid("completion_window", "must be '" + WINDOW + "'.");
        }
        return new BatchSpec(body.requiredString("input_file_id", 64), endpoint, Metadata.read(body), lifetime(body));
    }

    private static OptionalLong lifetime(JsonBody body) {
        Optional<JsonBody> expiry = body.optionalObject("output_expires_after");
        if (expiry.isEmpty()) {
            return OptionalLong.empty();
        }
        expiry.get().rejectUnknown(Set.of("anchor", "seconds"));
        if (!expiry.get().requiredString("anchor", 16).equals("created_at")) {
            throw expiry.get().invalid("anchor", "must be 'created_at'.");
        }
        OptionalLong seconds = expiry.get().optionalLong("seconds", MIN_LIFETIME, MAX_LIFETIME);
        if (seconds.isEmpty()) {
            throw expiry.get().invalid("seconds", "is required.");
        }
        return seconds;
    }
}
