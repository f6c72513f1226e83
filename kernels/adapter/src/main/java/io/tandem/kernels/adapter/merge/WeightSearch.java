package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/**
 * Looks for the weights of a merge that score best on whatever the caller measures, such as the negative loss on
 * validation data. It is the (1+1) evolution strategy with the one-fifth rule (Rechenberg, 1973): try a normally
 * distributed step from the best weights so far; go there if it is no worse, and take larger steps after a success,
 * smaller ones after failures. With the few evaluations that are affordable it does as well as methods that learn a
 * covariance first.
 *
 * @param evaluations merges that are made and scored, the starting one included
 * @param min smallest weight, above 0
 * @param max largest weight
 * @param seed of the steps
 */
public record WeightSearch(int evaluations, double min, double max, long seed) {
    /** Step at first, as a share of the range. */
    private static final double FIRST_STEP = 0.2;

    private static final double GROWTH = 1.5;

    /** Four failures undo the growth of one success, so that steps settle where a fifth succeeds. */
    private static final double SHRINKAGE = Math.pow(GROWTH, -0.25);

    /**
     * What was found.
     *
     * @param merged the best merge
     * @param weights its weights
     * @param score its score
     */
    public record Found(Merged merged, List<Double> weights, double score) {}

    public WeightSearch {
        if (evaluations < 1) {
            throw new IllegalArgumentException("evaluations is " + evaluations + ", expected 1 or more");
        }
        if (!(min > 0 && min < max && max < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "weights are searched from " + min + " to " + max + ", expected a range above 0");
        }
    }

    /** PCB-Merging's range. */
    public static WeightSearch of(int evaluations, long seed) {
        return new WeightSearch(evaluations, 0.5, 3, seed);
    }

    /**
     * Searches, starting from the weights of the specification.
     *
     * @param score larger is better; NaN is worst
     * @throws IllegalArgumentException as {@link Merge#apply}
     */
    public Found search(MergeSpec spec, List<Adapter> adapters, ToDoubleFunction<Adapter> score) {
        List<Double> start = spec.weights().isEmpty() ? Collections.nCopies(adapters.size(), 1.0) : spec.weights();
        SplittableRandom random = new SplittableRandom(seed);
        double step = FIRST_STEP * (max - min);
        Found best = evaluate(spec, adapters, start, score);
        for (int i = 1; i < evaluations; i++) {
            Found next = evaluate(spec, adapters, stepped(best.weights(), step, random), score);
            boolean success = next.score() >= best.score();
            best = success ? next : best;
            step *= success ? GROWTH : SHRINKAGE;
        }
        return best;
    }

    private List<Double> stepped(List<Double> weights, double step, SplittableRandom random) {
        return weights.stream()
                .map(weight -> Math.min(max, Math.max(min, weight + step * random.nextGaussian())))
                .toList();
    }

    private static Found evaluate(
            MergeSpec spec, List<Adapter> adapters, List<Double> weights, ToDoubleFunction<Adapter> score) {
        Merged merged = Merge.of(spec.withWeights(weights)).apply(adapters);
        double value = score.applyAsDouble(merged.adapter());
        return new Found(merged, weights, Double.isNaN(value) ? Double.NEGATIVE_INFINITY : value);
    }
}
