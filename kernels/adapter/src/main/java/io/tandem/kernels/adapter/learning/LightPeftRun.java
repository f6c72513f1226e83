package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.learning.LearningPolicy.Setting;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * Light-PEFT while a job trains. What matters is the mean over the second half of the estimation, when the adapter has begun to
 * differ from how it started.
 */
final class LightPeftRun implements LearningRun {
    private final LightPeftPolicy policy;
    /** Steps of the estimation. */
    private final int last;
    /** Sums over steps: of each rank, and behind them of the output. By the names of the sites. */
    private final SortedMap<String, List<Double>> sums;

    LightPeftRun(LightPeftPolicy policy, Setting setting, LearningState from) {
        this.policy = policy;
        this.last = Math.max(1, (int) Math.round(policy.estimation() * setting.totalSteps()));
        this.sums = new TreeMap<>(from.numbers());
    }

    @Override
    public LearningPlan plan(int step) {
        return step >= last / 2 && step < last ? LearningPlan.ESTIMATING : LearningPlan.EVERYTHING;
    }

    @Override
    public Optional<UnaryOperator<Adapter>> stepped(int step, SortedMap<Site, Estimate> estimates) {
        estimates.forEach((site, estimate) -> {
            List<Double> numbers = new ArrayList<>(estimate.ranks());
            numbers.add(estimate.output());
            sums.merge(
                    site.toString(), numbers.stream().map(LightPeftRun::finite).toList(), LightPeftRun::sum);
        });
        if (step != last) {
            return Optional.empty();
        }
        SortedMap<String, List<Double>> known = new TreeMap<>(sums);
        sums.clear();
        return Optional.of(adapter -> prune(adapter, known));
    }

    private static double finite(double number) {
        return Double.isFinite(number) ? number : 0;
    }

    private static List<Double> sum(List<Double> left, List<Double> right) {
        return IntStream.range(0, left.size())
                .mapToObj(i -> left.get(i) + right.get(i))
                .toList();
    }

    @Override
    public LearningState state() {
        return sums.isEmpty() ? LearningState.NONE : new LearningState(sums);
    }

    /** A rank of a module. */
    private record Rank(Site site, int index, double importance) {}

    /** At least one module and one rank are left, and of equals those that come first. */
    private Adapter prune(Adapter adapter, SortedMap<String, List<Double>> known) {
        SortedMap<Site, LowRank> factors = adapter.factors();
        List<Site> modules = factors.keySet().stream()
                .sorted(Comparator.comparing((Site site) -> -output(known, site)))
                .limit(factors.size() - (int) (policy.moduleSparsity() * factors.size()))
                .toList();
        List<Rank> ranks = modules.stream()
                .sorted()
                .flatMap(site -> IntStream.range(0, factors.get(site).rank())
                        .mapToObj(rank ->
                                new Rank(site, rank, known.get(site.toString()).get(rank))))
                .sorted(Comparator.comparing(rank -> -rank.importance()))
                .toList();
        int left = ranks.size() - (int) (policy.sparsity() * ranks.size());
        SortedMap<Site, List<Integer>> kept = new TreeMap<>();
        ranks.stream()
                .limit(left)
                .forEach(rank -> kept.computeIfAbsent(rank.site(), site -> new ArrayList<>())
                        .add(rank.index()));
        Map<Site, LowRank> pruned = new TreeMap<>();
        kept.forEach((site, own) -> pruned.put(
                site,
                factors.get(site).only(own.stream().mapToInt(i -> i).sorted().toArray())));
        return new Adapter(adapter.lora(), pruned);
    }

    private static double output(SortedMap<String, List<Double>> known, Site site) {
        List<Double> numbers = known.get(site.toString());
        return numbers.get(numbers.size() - 1);
    }
}
