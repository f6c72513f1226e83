package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/**
 * What completions and chats have in common.
 *
 * @param model what the client called it
 * @param user on whose account the request runs, as the client says; requests of one user wait for each other before
 *     those of others do
 * @param maxTokens most tokens of one answer; empty means to the end of the context
 * @param n answers to each prompt
 * @param stop texts that end an answer and are not part of it
 * @param ignoreStopTokens whether answers go on to {@code maxTokens} (vLLM's {@code ignore_eos}, for load tests)
 * @param seed of the first completion of each prompt; empty for random ones
 * @param sampling without the seed; its {@code topLogprobs} is -1 if no log-probabilities are wanted
 * @param stream whether the answer comes as server-sent events
 * @param includeUsage whether a stream ends with a chunk of token counts
 */
public record GenerationParams(
        String model,
        String user,
        OptionalInt maxTokens,
        int n,
        List<String> stop,
        boolean ignoreStopTokens,
        OptionalLong seed,
        SamplingParams sampling,
        boolean stream,
        boolean includeUsage) {

    public static final int CHOICES_MAX = 16;
    public static final int LOGPROBS_MAX = 20;
    public static final int USER_CHARS_MAX = 256;
    private static final int STOPS_MAX = 4;
    private static final int STOP_CHARS_MAX = 1024;
    private static final int BIASES_MAX = 1024;
    /** Names joined by '+' may be long together. */
    static final int MODEL_CHARS_MAX = 1024;

    /** Fields that both requests have and that change nothing here, beside those that are read. */
    static final Set<String> KNOWN = Set.of(
            "model",
            "n",
            "stop",
            "ignore_eos",
            "temperature",
            "top_p",
            "top_k",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "max_tokens",
            "stream",
            "stream_options",
            "user",
            "adapters",
            "merged_adapters");

    /**
     * @param maxTokens already read, as its name differs
     * @param topLogprobs the same
     */
    static GenerationParams read(JsonBody body, OptionalInt maxTokens, int topLogprobs, RequestBounds bounds) {
        int vocab = bounds.vocab();
        SamplingDefaults standard = bounds.sampling();
        boolean stream = body.optionalBoolean("stream", false);
        return new GenerationParams(
                body.requiredString("model", MODEL_CHARS_MAX),
                body.optionalString("user", USER_CHARS_MAX).orElse(InferenceRequest.SHARED_CALLER),
                maxTokens,
                body.optionalInt("n", 1, CHOICES_MAX).orElse(1),
                stops(body),
                body.optionalBoolean("ignore_eos", false),
                body.optionalLong("seed", Long.MIN_VALUE, Long.MAX_VALUE),
                new SamplingParams(
                        body.optionalNumber("temperature", 0, 2).orElse(standard.temperature()),
                        topK(body, vocab, standard.topK()),
                        topP(body, standard.topP()),
                        0,
                        body.optionalNumber("presence_penalty", -2, 2).orElse(0),
                        body.optionalNumber("frequency_penalty", -2, 2).orElse(0),
                        biases(body, vocab),
                        topLogprobs),
                stream,
                includeUsage(body, stream));
    }

    private static int topK(JsonBody body, int vocab, int absent) {
        // -1 is how vLLM's clients say "all".
        int topK = body.optionalInt("top_k", -1, Integer.MAX_VALUE).orElse(absent);
        return topK <= 0 || topK >= vocab ? 0 : topK;
    }

    private static double topP(JsonBody body, double absent) {
        double topP = body.optionalNumber("top_p", 0, 1).orElse(absent);
        // OpenAI takes 0 for "only the most likely token"; the smallest positive number means that too.
        return topP == 0 ? Double.MIN_NORMAL : topP;
    }

    private static boolean includeUsage(JsonBody body, boolean stream) {
        JsonBody options = body.optionalObject("stream_options").orElse(null);
        if (options == null) {
            return false;
        }
        if (!stream) {
            throw body.invalid("stream_options", "is only allowed when 'stream' is true.");
        }
        options.rejectUnknown(Set.of("include_usage", "include_obfuscation"));
        options.optionalBoolean("include_obfuscation", false);
        return options.optionalBoolean("include_usage", false);
    }

    private static List<String> stops(JsonBody body) {
        JsonNode value = body.find("stop");
        if (value == null) {
            return List.of();
        }
        List<JsonNode> items = new ArrayList<>();
        if (value.isArray()) {
            value.forEach(items::add);
        } else {
            items.add(value);
        }
        if (items.size() > STOPS_MAX) {
            throw body.invalid("stop", "must have at most " + STOPS_MAX + " strings.");
        }
        List<String> stops = new ArrayList<>();
        for (JsonNode item : items) {
            if (!item.isTextual()
                    || item.textValue().isEmpty()
                    || item.textValue().length() > STOP_CHARS_MAX) {
                throw body.invalid(
                        "stop", "must be a string, or an array of strings, of 1 to " + STOP_CHARS_MAX + " characters.");
            }
            stops.add(item.textValue());
        }
        return List.copyOf(stops);
    }

    private static Map<Integer, Float> biases(JsonBody body, int vocab) {
        JsonBody object = body.optionalObject("logit_bias").orElse(null);
        if (object == null) {
            return Map.of();
        }
        if (object.node().size() > BIASES_MAX) {
            throw body.invalid("logit_bias", "must have at most " + BIASES_MAX + " entries.");
        }
        Map<Integer, Float> biases = new HashMap<>();
        for (Iterator<String> names = object.node().fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!name.matches("[0-9]{1,9}") || Integer.parseInt(name) >= vocab) {
                throw body.invalid("logit_bias", "must have token ids from 0 to " + (vocab - 1) + " as names.");
            }
            double bias =
                    object.optionalNumber(name, -100, 100).orElseThrow(() -> object.invalid(name, "must be a number."));
            biases.put(Integer.parseInt(name), (float) bias);
        }
        return biases;
    }
}
