package io.tandem.loadtest.simulation;

import io.tandem.loadtest.ApiClient;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * One run of a profile against one server, as the simulation gets it.
 *
 * @param url of the server
 * @param model name of the base model
 * @param vocab token ids that prompts are made of
 * @param contextTokens most tokens of a prompt and its answer
 * @param adapters that requests name, the most popular first; empty for the base model
 * @param rate mean requests per second
 * @param seconds of arrivals
 * @param seed of lengths, prompts and adapters
 * @param tpotMillis target for the mean time per token after the first
 * @param ttftMillis target for the time to the first token
 */
public record Run(
        String url,
        String model,
        int vocab,
        int contextTokens,
        List<String> adapters,
        Profile profile,
        double rate,
        double seconds,
        long seed,
        double tpotMillis,
        double ttftMillis) {
    private static final String FILE = "run.json";

    /** The same at another rate. */
    Run at(double other) {
        return new Run(
                url, model, vocab, contextTokens, adapters, profile, other, seconds, seed, tpotMillis, ttftMillis);
    }

    RequestSequence requests() {
        List<String> models = adapters.isEmpty() ? List.of(model) : adapters;
        return new RequestSequence(profile.lengths(), contextTokens, vocab, models, seed);
    }

    void write(Path directory) throws IOException {
        ApiClient.JSON
                .writerWithDefaultPrettyPrinter()
                .writeValue(directory.resolve(FILE).toFile(), this);
    }

    static Run read(Path directory) throws IOException {
        return ApiClient.JSON.readValue(directory.resolve(FILE).toFile(), Run.class);
    }
}
