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
    /** Of each rank, and behind them of the output. */
    private final SiteSums sums;

    LightPeftRun(LightPeftPolicy policy, Setting setting, LearningState from) {
        this.policy = policy;
        this.last = Math.max(1, (int) Math.round(policy.estimation() * setting.totalSteps()));
        this.sums = new SiteSums(from);
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
            sums.add(site, numbers);
        });
        if (step != last) {
            return Optional.empty();
        }
        SiteSums known = sums.take();
        return Optional.of(adapter -> prune(adapter, known));
    }

    @Override
    public LearningState state() {
        return sums.state();
    }

    /** A rank of a module. */
    private record Rank(Site site, int index, double importance) {}

    /** At least one module and one rank are left, and of equals those that come first. */
    private Adapter prune(Adapter adapter, SiteSums known) {
        SortedMap<Site, LowRank> factors = adapter.factors();
        List<Rank> ranks = factors.entrySet().stream()
                .sorted(Comparator.comparing(module -> -output(known, module.getKey())))
                .limit(factors.size() - (int) (policy.moduleSparsity() * factors.size()))
                .sorted(Map.Entry.comparingByKey())
                .flatMap(module -> IntStream.range(0, module.getValue().rank())
                        .mapToObj(rank -> new Rank(
                                module.getKey(), rank, known.of(module.getKey()).get(rank))))
                .sorted(Comparator.comparing(rank -> -rank.importance()))
                .toList();
        SortedMap<Site, List<Integer>> kept = new TreeMap<>();
        ranks.stream()
                .limit(ranks.size() - (int) (policy.sparsity() * ranks.size()))
                .forEach(rank -> kept.computeIfAbsent(rank.site(), site -> new ArrayList<>())
                        .add(rank.index()));
        Map<Site, LowRank> pruned = new TreeMap<>();
        factors.forEach((site, all) -> {
            List<Integer> own = kept.getOrDefault(site, List.of());
            if (!own.isEmpty()) {
                pruned.put(site, all.only(own.stream().mapToInt(i -> i).sorted().toArray()));
            }
        });
        return new Adapter(adapter.lora(), pruned);
    }

    private static double output(SiteSums known, Site site) {
        List<Double> numbers = known.of(site);
        return numbers.get(numbers.size() - 1);
    }
}
