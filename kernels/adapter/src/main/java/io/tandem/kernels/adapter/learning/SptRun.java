package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.SingleWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * SPT while a job trains. How sensitive a weight is has two parts: how much of its module's squared gradients are its own, which
 * one of the mini-batches tells, and how large these are in all mini-batches together, which {@link Estimate#sensitivity} tells of
 * all modules at once. So only the gradients of a few layers' weights are there at a time.
 */
final class SptRun implements LearningRun {
    private static final int BATCHES = 16;
    /** Of a short job the sensitivity takes no more than this part. */
    private static final int MOST = 4;

    private static final String PLACES = " places";
    private static final String SHARES = " shares";

    private final double budget;
    private final int layers;
    private final int batches;
    /** By modules' names the sensitivity, and by these with what follows of {@link SensitiveWeights}. */
    private final SortedMap<String, List<Double>> known;

    SptRun(double budget, LearningPolicy.Setting setting, LearningState from) {
        this.budget = budget;
        this.layers = setting.layers();
        this.batches = batches(setting.totalSteps());
        this.known = new TreeMap<>(from.numbers());
    }

    /** Mini-batches that a job begins with and that change nothing. */
    static int batches(int totalSteps) {
        return Math.max(1, Math.min(BATCHES, totalSteps / MOST));
    }

    @Override
    public LearningPlan plan(int step) {
        if (step >= batches) {
            return LearningPlan.EVERYTHING;
        }
        SortedSet<Integer> sensed = new TreeSet<>();
        for (int layer = step; layer < layers; layer += batches) {
            sensed.add(layer);
        }
        return LearningPlan.sensing(sensed);
    }

    @Override
    public Optional<UnaryOperator<Adapter>> stepped(int step, SortedMap<Site, Estimate> estimates) {
        estimates.forEach((site, estimate) -> {
            double finite = Double.isFinite(estimate.sensitivity()) ? estimate.sensitivity() : 0;
            known.merge(site.toString(), List.of(finite), (left, right) -> List.of(left.get(0) + right.get(0)));
            estimate.sensitive().ifPresent(weights -> {
                known.put(
                        site + PLACES,
                        Arrays.stream(weights.places())
                                .mapToObj(place -> (double) place)
                                .toList());
                known.put(
                        site + SHARES,
                        IntStream.range(0, weights.shares().length)
                                .mapToObj(i -> (double) weights.shares()[i])
                                .toList());
            });
        });
        if (step != batches) {
            return Optional.empty();
        }
        SortedMap<String, List<Double>> all = new TreeMap<>(known);
        known.clear();
        return Optional.of(adapter -> choose(adapter, all));
    }

    @Override
    public LearningState state() {
        return known.isEmpty() ? LearningState.NONE : new LearningState(known);
    }

    /** A module whose weights are taken one by one, the most sensitive first. */
    private static final class Candidate {
        final Site site;
        final LowRank factors;
        final double sensitivity;
        final List<Double> places;
        final List<Double> shares;
        int taken;

        Candidate(Site site, LowRank factors, SortedMap<String, List<Double>> known) {
            this.site = site;
            this.factors = factors;
            this.sensitivity = numbers(known, site.toString()).get(0);
            this.places = numbers(known, site + PLACES);
            this.shares = numbers(known, site + SHARES);
        }

        private static List<Double> numbers(SortedMap<String, List<Double>> known, String name) {
            @Nullable List<Double> numbers = known.get(name);
            if (numbers == null) {
                throw new IllegalArgumentException("nothing was measured of " + name);
            }
            return numbers;
        }

        double next() {
            return sensitivity * shares.get(taken);
        }

        boolean takesSingleWeights() {
            return site.expert() < 0;
        }

        /** What the next weight adds to the parameters: the last one makes the module one with factors. */
        long cost() {
            if (taken < places.size() - 1) {
                return takesSingleWeights() ? 1 : 0;
            }
            return factors.numbers() - (takesSingleWeights() ? taken : 0);
        }

        Optional<Change> chosen() {
            if (taken == places.size()) {
                return Optional.of(factors);
            }
            if (taken == 0 || !takesSingleWeights()) {
                return Optional.empty();
            }
            int[] single = places.subList(0, taken).stream()
                    .mapToInt(Double::intValue)
                    .sorted()
                    .toArray();
            return Optional.of(
                    new SingleWeights(factors.inputs(), factors.outputs(), single, new float[single.length]));
        }
    }

    /**
     * The most sensitive weights of all modules as long as they fit into the budget, and factors for modules with {@linkplain
     * SensitiveWeights#most many} of them. Where factors do not fit, the module keeps the weights that it has.
     */
    private Adapter choose(Adapter adapter, SortedMap<String, List<Double>> all) {
        List<Candidate> modules = new ArrayList<>();
        adapter.factors().forEach((site, factors) -> modules.add(new Candidate(site, factors, all)));
        // Of equals those that come first.
        PriorityQueue<Candidate> queue = new PriorityQueue<>(
                Comparator.comparingDouble((Candidate module) -> -module.next()).thenComparing(module -> module.site));
        queue.addAll(modules);
        double left = budget * adapter.parameters();
        // The first weight is there whatever the budget.
        for (boolean first = true; !queue.isEmpty() && (first || left >= 1); first = false) {
            Candidate next = queue.remove();
            boolean last = next.taken == next.places.size() - 1;
            if (first || next.cost() <= left) {
                left -= next.cost();
                next.taken++;
                if (!last) {
                    queue.add(next);
                }
            }
        }
        SortedMap<Site, Change> chosen = new TreeMap<>();
        modules.forEach(module -> module.chosen().ifPresent(change -> chosen.put(module.site, change)));
        return new Adapter(adapter.lora(), chosen);
    }
}
