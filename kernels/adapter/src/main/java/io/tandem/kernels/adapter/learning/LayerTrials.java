package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import io.tandem.kernels.adapter.learning.LearningRun.Finding;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * How much layers matter, learned by trials without some of them, as from a bandit with several arms (DAS, Wu et al., 2023;
 * IST, Yao et al., 2024). Each layer has an importance I, 0 at first. The layers of a trial are drawn by {@code sigmoid(-I)}
 * and the loss of some examples is measured; several times, with other layers each time. The reward of a time is {@code
 * exp(-loss)} less the mean of all times, and its layers get {@code I -= 10 reward sigmoid'(I)}.
 */
final class LayerTrials {
    private static final int TRIALS = 3;
    private static final int EXAMPLES = 16;
    private static final double RATE = 10;
    /** Draws of layers until they are others than those before; a small model has few such sets. */
    private static final int MOST_DRAWS = 100;

    private final String name;
    private final Setting setting;
    /** Of each layer. */
    private final double[] importance;
    /** Finished steps when it was last learned. */
    private int learned;

    private int trying;
    private final List<SortedSet<Integer>> trials = new ArrayList<>();
    private final List<Double> losses = new ArrayList<>();

    /** What a random number is for. */
    private enum Purpose {
        STEP(0),
        TRIAL(1),
        EXAMPLES(2);

        private final int number;

        Purpose(int number) {
            this.number = number;
        }
    }

    /**
     * @param name whose trials they are, in checkpoints
     * @param learned finished steps before which nothing is to be learned
     * @param from what an earlier run remembered, if there was one
     */
    LayerTrials(String name, Setting setting, int learned, LearningState from) {
        this.name = name;
        this.setting = setting;
        this.learned = learned;
        this.importance = new double[setting.layers()];
        if (!from.equals(LearningState.NONE)) {
            List<Double> known = from.numbers(name + "_importance", setting.layers());
            Arrays.setAll(importance, known::get);
            this.learned = from.numbers(name + "_probed", 1).get(0).intValue();
        }
    }

    /** Layers for a step, by their importance. */
    SortedSet<Integer> important(int step, int count) {
        return draw(random(Purpose.STEP, step), count, 1);
    }

    /** Layers for a step, by how little they matter. */
    SortedSet<Integer> unimportant(int step, int count) {
        return draw(random(Purpose.STEP, step), count, -1);
    }

    /** Those that matter least by what is known, of equals the first. */
    SortedSet<Integer> least(int count) {
        return IntStream.range(0, importance.length)
                .boxed()
                .sorted((left, right) -> Double.compare(importance[left], importance[right]))
                .limit(count)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Whether this is known before a step. */
    boolean isLearned(int step) {
        return step == learned;
    }

    /** The layers of the next trial before a step. */
    SortedSet<Integer> next(int step, int count) {
        if (trials.isEmpty()) {
            SplittableRandom random = random(Purpose.TRIAL, step);
            Set<SortedSet<Integer>> distinct = new LinkedHashSet<>();
            for (int i = 0; i < MOST_DRAWS && distinct.size() < TRIALS; i++) {
                distinct.add(draw(random, count, -1));
            }
            trials.addAll(distinct);
            trying = step;
        }
        return trials.get(losses.size());
    }

    /** The same for all trials before a step. */
    List<Integer> examples(int step) {
        SplittableRandom random = random(Purpose.EXAMPLES, step);
        SortedSet<Integer> chosen = new TreeSet<>();
        while (chosen.size() < Math.min(EXAMPLES, setting.examples())) {
            chosen.add(random.nextInt(setting.examples()));
        }
        return List.copyOf(chosen);
    }

    /** Takes in the loss of a trial; tells what follows from all of them after the last. */
    Optional<Finding> add(double loss) {
        losses.add(loss);
        if (losses.size() < trials.size()) {
            return Optional.empty();
        }
        double[] rewards = losses.stream().mapToDouble(own -> Math.exp(-own)).toArray();
        double mean = DoubleStream.of(rewards).average().orElseThrow();
        for (int i = 0; i < rewards.length; i++) {
            for (int layer : trials.get(i)) {
                double chance = sigmoid(importance[layer]);
                importance[layer] -= (rewards[i] - mean) * chance * (1 - chance) * RATE;
            }
        }
        learned = trying;
        Finding finding = new Finding(importance(), losses);
        trials.clear();
        losses.clear();
        return Optional.of(finding);
    }

    LearningState state() {
        SortedMap<String, List<Double>> numbers = new TreeMap<>();
        numbers.put(name + "_importance", importance());
        numbers.put(name + "_probed", List.of((double) learned));
        return new LearningState(numbers);
    }

    private List<Double> importance() {
        return DoubleStream.of(importance).boxed().toList();
    }

    /**
     * Some of the layers, each in proportion to the sigmoid of its importance among those that are left.
     *
     * @param sign of the importance: -1 for those that matter little
     */
    private SortedSet<Integer> draw(SplittableRandom random, int count, int sign) {
        List<Integer> left =
                new ArrayList<>(IntStream.range(0, setting.layers()).boxed().toList());
        SortedSet<Integer> drawn = new TreeSet<>();
        while (drawn.size() < count) {
            double[] weights = left.stream()
                    .mapToDouble(layer -> sigmoid(sign * importance[layer]))
                    .toArray();
            double at = random.nextDouble() * DoubleStream.of(weights).sum();
            int next = 0;
            while (next < weights.length - 1 && at >= weights[next]) {
                at -= weights[next++];
            }
            drawn.add(left.remove(next));
        }
        return drawn;
    }

    /** Numbers of one purpose and step have nothing to do with those of others. */
    private SplittableRandom random(Purpose purpose, int step) {
        SplittableRandom mixed = new SplittableRandom(setting.seed());
        long seed = mixed.nextLong() + step * (long) Purpose.values().length + purpose.number;
        return new SplittableRandom(new SplittableRandom(seed).nextLong());
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }
}
