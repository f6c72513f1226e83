package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
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
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * IST while a job trains. Each layer has an importance I, 0 at first; the published code has its negative. A step's layers are
 * drawn by {@code sigmoid(I)}. To learn I, half of the layers, drawn by {@code sigmoid(-I)}, are suppressed and the loss of some
 * examples is measured; several times, with other layers each time. The reward of a time is {@code exp(-loss)} less the mean of
 * all times, and its layers get {@code I -= 10 reward sigmoid'(I)}.
 */
final class IstRun implements LearningRun {
    private static final double SUPPRESSED_SHARE = 0.5;
    private static final int PROBES = 3;
    private static final int PROBE_EXAMPLES = 16;
    private static final double RATE = 10;
    /** Draws of layers to suppress until they are others than those before; a small model has few such sets. */
    private static final int MOST_DRAWS = 100;

    private static final String IMPORTANCE = "ist_importance";
    private static final String PROBED = "ist_probed";

    private final IstPolicy policy;
    private final Setting setting;
    /** Of each layer. */
    private final double[] importance;
    /** Finished steps when it was last learned. */
    private int probed;

    private int probing;
    private final List<SortedSet<Integer>> suppressed = new ArrayList<>();
    private final List<Double> losses = new ArrayList<>();

    /** What a random number is for. */
    private enum Purpose {
        LAYERS(0),
        SUPPRESSED(1),
        EXAMPLES(2);

        private final int number;

        Purpose(int number) {
            this.number = number;
        }
    }

    IstRun(IstPolicy policy, Setting setting, LearningState from) {
        this.policy = policy;
        this.setting = setting;
        this.importance = new double[setting.layers()];
        if (!from.equals(LearningState.NONE)) {
            List<Double> known = from.numbers(IMPORTANCE, setting.layers());
            Arrays.setAll(importance, known::get);
            probed = from.numbers(PROBED, 1).get(0).intValue();
        }
    }

    @Override
    public LearningPlan plan(int step) {
        return LearningPlan.only(draw(random(Purpose.LAYERS, step), policy.share(), 1));
    }

    @Override
    public Optional<Probe> probe(int step) {
        if (step == 0 || step % policy.probeEvery() != 0 || step == probed) {
            return Optional.empty();
        }
        if (suppressed.isEmpty()) {
            drawSuppressed(step);
            probing = step;
        }
        return Optional.of(new Probe(suppressed.get(losses.size()), examples(step)));
    }

    private void drawSuppressed(int step) {
        SplittableRandom random = random(Purpose.SUPPRESSED, step);
        Set<SortedSet<Integer>> distinct = new LinkedHashSet<>();
        for (int i = 0; i < MOST_DRAWS && distinct.size() < PROBES; i++) {
            distinct.add(draw(random, SUPPRESSED_SHARE, -1));
        }
        suppressed.addAll(distinct);
    }

    /** The same for all probes before a step. */
    private List<Integer> examples(int step) {
        SplittableRandom random = random(Purpose.EXAMPLES, step);
        SortedSet<Integer> chosen = new TreeSet<>();
        while (chosen.size() < Math.min(PROBE_EXAMPLES, setting.examples())) {
            chosen.add(random.nextInt(setting.examples()));
        }
        return List.copyOf(chosen);
    }

    @Override
    public Optional<Finding> probed(double loss) {
        losses.add(loss);
        if (losses.size() < suppressed.size()) {
            return Optional.empty();
        }
        double[] rewards = losses.stream().mapToDouble(own -> Math.exp(-own)).toArray();
        double mean = DoubleStream.of(rewards).average().orElseThrow();
        for (int i = 0; i < rewards.length; i++) {
            for (int layer : suppressed.get(i)) {
                double chance = sigmoid(importance[layer]);
                importance[layer] -= (rewards[i] - mean) * chance * (1 - chance) * RATE;
            }
        }
        probed = probing;
        Finding finding = new Finding(importance(), losses);
        suppressed.clear();
        losses.clear();
        return Optional.of(finding);
    }

    @Override
    public LearningState state() {
        SortedMap<String, List<Double>> numbers = new TreeMap<>();
        numbers.put(IMPORTANCE, importance());
        numbers.put(PROBED, List.of((double) probed));
        return new LearningState(numbers);
    }

    private List<Double> importance() {
        return DoubleStream.of(importance).boxed().toList();
    }

    /**
     * Some of the layers, at least one, each in proportion to the sigmoid of its importance among those that are left.
     *
     * @param sign of the importance: -1 for those that matter little
     */
    private SortedSet<Integer> draw(SplittableRandom random, double share, int sign) {
        List<Integer> left =
                new ArrayList<>(IntStream.range(0, setting.layers()).boxed().toList());
        SortedSet<Integer> drawn = new TreeSet<>();
        long count = Math.max(1, Math.round(share * setting.layers()));
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
