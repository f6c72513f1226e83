package io.tandem.loadtest.simulation;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import java.util.List;
import java.util.SplittableRandom;

/** Requests by number; each is a function of the seed and its number alone, so every run sends the same. */
public final class RequestSequence {
    private static final int ORDINARY_TOKENS_FROM = 16;
    private static final double EXPONENT = 1;
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private final Lengths lengths;
    private final int contextTokens;
    private final int vocab;
    private final List<String> models;
    private final Zipf popularity;
    private final long seed;

    /**
     * @param contextTokens most tokens of a prompt and its answer
     * @param vocab token ids
     * @param models that requests name, the most popular first
     */
    public RequestSequence(Lengths lengths, int contextTokens, int vocab, List<String> models, long seed) {
        this.lengths = lengths;
        this.contextTokens = contextTokens;
        this.vocab = vocab;
        this.models = List.copyOf(models);
        this.popularity = new Zipf(models.size(), EXPONENT);
        this.seed = seed;
    }

    /**
     * One request.
     *
     * @param model the base model or an adapter
     * @param size its lengths, cut to the context
     * @param body for {@code /v1/completions}
     */
    public record Request(String model, Lengths.Size size, ObjectNode body) {}

    public Request get(long number) {
        // A split has a start and a stride of its own; without it the draws of one request would be those of the next.
        SplittableRandom random = new SplittableRandom(seed ^ (number + 1) * GOLDEN).split();
        Lengths.Size size = lengths.draw(random).cut(contextTokens);
        String model = models.get(popularity.draw(random));
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", model).put("stream", true).put("ignore_eos", true);
        body.put("max_tokens", size.answerTokens()).put("seed", number).put("user", model);
        ArrayNode prompt = body.putArray("prompt");
        for (int i = 0; i < size.promptTokens(); i++) {
            prompt.add(random.nextInt(ORDINARY_TOKENS_FROM, vocab));
        }
        return new Request(model, size, body);
    }

    /** The mean length of the first answers. */
    public double meanAnswerTokens(int requests) {
        double sum = 0;
        for (int number = 0; number < requests; number++) {
            sum += get(number).size().answerTokens();
        }
        return sum / requests;
    }
}
