package io.tandem.server.api;

import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.SamplingParams.Penalties;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What completions, chats and responses have in common.
 *
 * @param model what the client called it
 * @param user on whose account the request runs, as the client says; requests of one user wait for each other before
 *     those of others do
 * @param priority among the waiting requests of one user, the lowest first
 * @param maxTokens most tokens of one answer; empty means to the end of the context
 * @param n answers to each prompt
 * @param stop what ends an answer
 * @param seed of the first completion of each prompt; empty for random ones
 * @param sampling without the seed; its {@code topLogprobs} is -1 if no log-probabilities are wanted
 * @param structured what the text of each answer has to be
 * @param output what an answer looks like
 * @param promptTokens keep this many of the prompt's last tokens; empty for all
 * @param ignored names of fields that nothing reads
 */
public record GenerationParams(
        String model,
        String user,
        int priority,
        OptionalInt maxTokens,
        int n,
        StopParams stop,
        OptionalLong seed,
        SamplingParams sampling,
        Optional<StructuredOutput> structured,
        OutputParams output,
        OptionalInt promptTokens,
        List<String> ignored) {

    public static final int CHOICES_MAX = 16;
    public static final int LOGPROBS_MAX = 20;
    public static final int USER_CHARS_MAX = 256;
    static final int STOPS_MAX = 4;
    private static final int BIASES_MAX = 1024;
    /** Names joined by '+' may be long together. */
    public static final int MODEL_CHARS_MAX = 1024;

    /**
     * Reads fields whose values {@link RequestFields#check} has checked.
     *
     * @param maxTokens already read, as its default differs
     * @param topLogprobs the same
     * @param structured the same
     * @param ignored the same
     */
    static GenerationParams read(
            JsonBody body,
            OptionalInt maxTokens,
            int topLogprobs,
            Optional<StructuredOutput> structured,
            List<String> ignored,
            RequestBounds bounds) {
        int context = bounds.contextTokens();
        requireEnd(body, structured);
        return new GenerationParams(
                body.requiredString("model", MODEL_CHARS_MAX),
                body.optionalString("user").orElse(InferenceRequest.SHARED_CALLER),
                body.optionalInt("priority").orElse(0),
                maxTokens,
                body.optionalInt("n").orElse(1),
                StopParams.read(body, bounds, maxTokens.orElse(context)),
                body.optionalLong("seed"),
                sampling(body, topLogprobs, bounds),
                structured,
                OutputParams.read(body),
                promptTokens(body, maxTokens.orElse(1), bounds),
                List.copyOf(ignored));
    }

    /** The same, but with this many of the prompt's last tokens. */
    GenerationParams withPromptTokens(int most) {
        return new GenerationParams(
                model,
                user,
                priority,
                maxTokens,
                n,
                stop,
                seed,
                sampling,
                structured,
                output,
                OptionalInt.of(most),
                ignored);
    }

    /** {@code max_tokens} or its newer name. */
    static OptionalInt maxTokens(JsonBody body) {
        OptionalInt old = body.optionalInt("max_tokens");
        OptionalInt now = body.optionalInt("max_completion_tokens");
        if (old.isPresent() && now.isPresent() && !old.equals(now)) {
            throw body.invalid("max_tokens", "contradicts 'max_completion_tokens'; send only one of them.");
        }
        return now.isPresent() ? now : old;
    }

    private static SamplingParams sampling(JsonBody body, int topLogprobs, RequestBounds bounds) {
        SamplingDefaults standard = bounds.sampling();
        return new SamplingParams(
                body.optionalNumber("temperature").orElse(standard.temperature()),
                topK(body, bounds.vocab(), standard.topK()),
                topP(body, standard.topP()),
                body.optionalNumber("min_p").orElse(standard.minP()),
                0,
                new Penalties(
                        body.optionalNumber("presence_penalty").orElse(0),
                        body.optionalNumber("frequency_penalty").orElse(0),
                        body.optionalNumber("repetition_penalty").orElse(standard.repetitionPenalty())),
                biases(body, bounds.vocab()),
                topLogprobs,
                earlyExit(body, bounds));
    }

    private static double earlyExit(JsonBody body, RequestBounds bounds) {
        double threshold =
                body.optionalNumber("early_exit").orElse(bounds.sampling().earlyExit());
        if (threshold < 1 && !bounds.recursive()) {
            throw body.invalid(
                    "early_exit",
                    "must be 1, or left out: this model is not a recursive one, whose tokens leave early.");
        }
        return threshold;
    }

    private static OptionalInt promptTokens(JsonBody body, int maxTokens, RequestBounds bounds) {
        int context = bounds.contextTokens();
        OptionalInt most = body.optionalInt("truncate_prompt_tokens");
        if (most.isPresent() && most.getAsInt() == 0) {
            throw body.invalid("truncate_prompt_tokens", "must be -1, or 1 or more.");
        }
        return most.isPresent() && most.getAsInt() == -1 ? OptionalInt.of(Math.max(1, context - maxTokens)) : most;
    }

    private static void requireEnd(JsonBody body, Optional<StructuredOutput> structured) {
        if (structured.isPresent() && body.optionalBoolean("ignore_eos", false)) {
            throw body.invalid(
                    "ignore_eos", "contradicts '" + structured.get().field() + "', which ends answers; leave it out.");
        }
    }

    private static int topK(JsonBody body, int vocab, int absent) {
        // -1 is how vLLM's clients say "all".
        int topK = body.optionalInt("top_k").orElse(absent);
        return topK <= 0 || topK >= vocab ? 0 : topK;
    }

    private static double topP(JsonBody body, double absent) {
        double topP = body.optionalNumber("top_p").orElse(absent);
        // OpenAI takes 0 for "only the most likely token"; the smallest positive number means that too.
        return topP == 0 ? Double.MIN_NORMAL : topP;
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
