package io.tandem.server.finetune.search;

import io.tandem.server.finetune.search.GaussianProcess.Belief;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * The configurations of the first rung, one after the other: the first ones at random, then those of which a Gaussian process
 * expects most (ParEGO, Knowles, 2006). For each proposal the two objectives, validation loss and trained parameters, are
 * made one by the augmented Chebyshev norm with a weight that is drawn anew. The same seed and results propose the same.
 *
 * @param trials of the first rung; a quarter of them, but at least four, are random
 */
public record Proposals(SearchSpace space, int trials, long seed) {
    private static final int LEAST_RANDOM = 4;
    private static final int CANDIDATES = 500;
    /** What the sum counts beside the largest term. */
    private static final double AUGMENTATION = 0.05;

    /**
     * The next one, which was not tried before.
     *
     * @param tried in the order of their numbers, all trained in the first rung
     */
    public Configuration next(List<Trial> tried) {
        SplittableRandom random = new SplittableRandom(31 * seed + tried.size());
        Set<Configuration> known = new HashSet<>();
        tried.forEach(trial -> known.add(trial.configuration()));
        List<Configuration> candidates = Stream.generate(() -> space.draw(random))
                .limit(CANDIDATES)
                .distinct()
                .filter(candidate -> !known.contains(candidate))
                .toList();
        if (candidates.isEmpty()) {
            return space.all()
                    .filter(candidate -> !known.contains(candidate))
                    .findFirst()
                    .orElseThrow(() -> new IllegalStateException("all configurations were tried"));
        }
        return tried.size() < Math.max(LEAST_RANDOM, trials / 4)
                ? candidates.get(0)
                : mostPromising(candidates, tried, random.nextDouble());
    }

    private Configuration mostPromising(List<Configuration> candidates, List<Trial> tried, double weight) {
        double[] values = scalarized(tried, weight);
        double best = Arrays.stream(values).min().orElseThrow();
        double[][] points =
                tried.stream().map(trial -> space.point(trial.configuration())).toArray(double[][]::new);
        GaussianProcess process = GaussianProcess.fit(points, values);
        return candidates.stream()
                .max(Comparator.comparingDouble(
                        candidate -> expectedImprovement(process.at(space.point(candidate)), best)))
                .orElseThrow();
    }

    /**
     * One number for each trial, which should be small. A trial that failed has the largest loss of all.
     *
     * @param weight of the loss, from 0 to 1; the rest is that of the parameters' logarithm
     */
    static double[] scalarized(List<Trial> tried, double weight) {
        double worst = tried.stream()
                .flatMapToDouble(trial -> trial.loss(0).stream())
                .max()
                .orElse(0);
        double[] losses = normalized(
                tried.stream().mapToDouble(trial -> trial.loss(0).orElse(worst)).toArray());
        double[] sizes = normalized(tried.stream()
                .mapToDouble(trial -> Math.log(Math.max(1.0, (double) trial.parameters())))
                .toArray());
        double[] values = new double[losses.length];
        for (int i = 0; i < values.length; i++) {
            double loss = weight * losses[i];
            double size = (1 - weight) * sizes[i];
            values[i] = Math.max(loss, size) + AUGMENTATION * (loss + size);
        }
        return values;
    }

    private static double[] normalized(double[] values) {
        double lowest = Arrays.stream(values).min().orElse(0);
        double range = Arrays.stream(values).max().orElse(0) - lowest;
        return Arrays.stream(values)
                .map(value -> range > 0 ? (value - lowest) / range : 0)
                .toArray();
    }

    /** By how much a value is expected to be smaller than the best so far (Jones et al., 1998). */
    static double expectedImprovement(Belief belief, double best) {
        double gain = best - belief.mean();
        if (belief.deviation() <= 0) {
            return Math.max(0, gain);
        }
        double z = gain / belief.deviation();
        double density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
        return gain * below(z, density) + belief.deviation() * density;
    }

    /** The normal distribution function, to 1e-7 (Abramowitz and Stegun, 26.2.17). */
    private static double below(double z, double density) {
        double t = 1 / (1 + 0.2316419 * Math.abs(z));
        double series =
                t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
        double tail = density * series;
        return z >= 0 ? 1 - tail : tail;
    }
}
