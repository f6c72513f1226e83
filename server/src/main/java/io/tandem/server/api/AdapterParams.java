package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Which adapters a request for tokens wants. Either {@code model} names one, or several joined by '+'; or {@code model}
 * names the base model and {@code adapters} a stack or {@code merged_adapters} a merge.
 *
 * @param model what the client called it
 * @param adapters that answer together; empty if not given
 * @param merged adapters that answer as one
 * @param key requests with the same key get the same version of an adapter on trial
 */
public record AdapterParams(String model, List<String> adapters, Optional<MergeParams> merged, String key) {
    private static final String MERGED = "merged_adapters";

    /**
     * @param layers of the model
     * @param maxRank that the device takes
     */
    public static AdapterParams read(JsonBody body, int layers, int maxRank) {
        String model = body.requiredString("model", GenerationParams.MODEL_CHARS_MAX);
        List<String> adapters = body.find("adapters") == null ? List.of() : MergeParams.strings(body, "adapters");
        Optional<MergeParams> merged = body.optionalObject(MERGED).map(object -> {
            object.rejectUnknown(MergeParams.FIELDS);
            return MergeParams.read(object, MERGED + ".", layers, maxRank);
        });
        if (merged.isPresent() && !adapters.isEmpty()) {
            throw body.invalid(MERGED, "and 'adapters' cannot be sent together.");
        }
        return new AdapterParams(model, adapters, merged, key(body));
    }

    /** Who asks: the user, else the seed, else nobody that we would know again. */
    private static String key(JsonBody body) {
        for (String field : List.of("user", "seed")) {
            JsonNode value = body.find(field);
            if (value != null) {
                return field + "=" + value.asText();
            }
        }
        return Long.toString(ThreadLocalRandom.current().nextLong());
    }
}
