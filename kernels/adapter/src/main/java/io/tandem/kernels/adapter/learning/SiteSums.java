package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Adapter.Site;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** Numbers of modules, added up over steps and kept in checkpoints. */
final class SiteSums {
    /** By the names of the modules. */
    private final SortedMap<String, List<Double>> sums;

    SiteSums(LearningState from) {
        this.sums = new TreeMap<>(from.numbers());
    }

    /** @param numbers as many as ever; what is not finite counts as nothing */
    void add(Site site, List<Double> numbers) {
        List<Double> finite =
                numbers.stream().map(n -> Double.isFinite(n) ? n : 0).toList();
        sums.merge(site.toString(), finite, SiteSums::sum);
    }

    private static List<Double> sum(List<Double> left, List<Double> right) {
        return IntStream.range(0, left.size())
                .mapToObj(i -> left.get(i) + right.get(i))
                .toList();
    }

    /** @throws IllegalArgumentException if nothing is known of the module */
    List<Double> of(Site site) {
        List<Double> known = sums.get(site.toString());
        if (known == null) {
            throw new IllegalArgumentException("nothing was estimated of " + site);
        }
        return known;
    }

    /** As they are now, and empty from here on. */
    SiteSums take() {
        SiteSums taken = new SiteSums(state());
        sums.clear();
        return taken;
    }

    LearningState state() {
        return sums.isEmpty() ? LearningState.NONE : new LearningState(sums);
    }
}
