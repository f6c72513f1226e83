package io.tandem.server.tenant;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a tenant may use; null is no limit.
 *
 * @param requestsPerMinute to the model, rows of batches included
 * @param tokensPerMinute of prompts and answers
 * @param concurrentSequences answers that run or wait at once
 * @param trainingTokensPerDay of examples, each time that they are learned; days are UTC
 * @param adapters with a name of their own; checkpoints of jobs do not count
 * @param fileBytes of all uploaded files
 * @param weight share of the device in proportion to other tenants, when they compete
 */
public record Quota(
        @Nullable Long requestsPerMinute,
        @Nullable Long tokensPerMinute,
        @Nullable Long concurrentSequences,
        @Nullable Long trainingTokensPerDay,
        @Nullable Long adapters,
        @Nullable Long fileBytes,
        double weight) {
    static final Quota NONE = new Quota(null, null, null, null, null, null, 1);

    private static final String REQUESTS = "requests_per_minute";
    private static final String TOKENS = "tokens_per_minute";
    private static final String SEQUENCES = "concurrent_sequences";
    private static final String TRAINING = "training_tokens_per_day";
    private static final String ADAPTERS = "adapters";
    private static final String BYTES = "file_bytes";
    private static final String WEIGHT = "weight";
    private static final double MIN_WEIGHT = 1e-3;
    private static final double MAX_WEIGHT = 1e3;
    private static final long MAX = 1L << 50;

    /** @throws io.tandem.server.api.ApiException naming the field that is wrong */
    public static Quota read(JsonBody body) {
        body.rejectUnknown(Set.of(REQUESTS, TOKENS, SEQUENCES, TRAINING, ADAPTERS, BYTES, WEIGHT));
        return new Quota(
                limit(body, REQUESTS),
                limit(body, TOKENS),
                limit(body, SEQUENCES),
                limit(body, TRAINING),
                limit(body, ADAPTERS),
                limit(body, BYTES),
                body.optionalNumber(WEIGHT, MIN_WEIGHT, MAX_WEIGHT).orElse(1));
    }

    private static @Nullable Long limit(JsonBody body, String field) {
        OptionalLong limit = body.optionalLong(field, 0, MAX);
        return limit.isPresent() ? limit.getAsLong() : null;
    }

    ObjectNode json() {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put(REQUESTS, requestsPerMinute);
        json.put(TOKENS, tokensPerMinute);
        json.put(SEQUENCES, concurrentSequences);
        json.put(TRAINING, trainingTokensPerDay);
        json.put(ADAPTERS, adapters);
        json.put(BYTES, fileBytes);
        json.put(WEIGHT, weight);
        return json;
    }
}
