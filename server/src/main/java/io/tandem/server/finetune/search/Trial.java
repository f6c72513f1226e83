package io.tandem.server.finetune.search;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A configuration and what came of it.
 *
 * @param number from 1
 * @param parameters that it trains
 * @param evaluations of each rung that it reached, the shortest first
 */
public record Trial(int number, Configuration configuration, long parameters, List<Evaluation> evaluations) {

    /**
     * A training of a rung's length.
     *
     * @param epochs from the trial's start
     * @param steps from the trial's start
     * @param loss of the validation examples at its end; absent if the training failed
     * @param trainedTokens from the trial's start
     */
    public record Evaluation(int epochs, int steps, OptionalDouble loss, long trainedTokens) {}

    public Trial {
        evaluations = List.copyOf(evaluations);
    }

    /** With one evaluation more. */
    public Trial with(Evaluation evaluation) {
        List<Evaluation> more = new ArrayList<>(evaluations);
        more.add(evaluation);
        return new Trial(number, configuration, parameters, more);
    }

    /** The validation loss of a rung, from 0; absent if it has not reached the rung, or failed there. */
    OptionalDouble loss(int rung) {
        return rung < evaluations.size() ? evaluations.get(rung).loss() : OptionalDouble.empty();
    }

    /** The evaluation with the smallest loss. */
    public Optional<Evaluation> best() {
        return evaluations.stream()
                .filter(evaluation -> evaluation.loss().isPresent())
                .min(Comparator.comparingDouble(evaluation -> evaluation.loss().getAsDouble()));
    }

    /** The smallest validation loss. */
    public OptionalDouble smallestLoss() {
        return best().map(Evaluation::loss).orElse(OptionalDouble.empty());
    }

    /** The tokens that it has learned from. */
    public long trainedTokens() {
        return evaluations.isEmpty()
                ? 0
                : evaluations.get(evaluations.size() - 1).trainedTokens();
    }
}
