package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.KeptNumbers;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.LongStream;

/** A method with a core whose modules grow. There is room for all ranks from the start, so that no vector changes its size. */
public sealed interface GrowingMethod extends PeftMethod permits IncreloraMethod, TriadaptloraMethod {
    @Override
    LoraConfig config();

    GrowthSettings settings();

    RankBudget budget();

    CoreShape shape();

    /** Whether the ranks that a module may get next learn in advance. */
    boolean learnsAhead();

    /** How often ranks grow until the budget is spent. */
    int times(ModelConfig model);

    GrowthRule rule(ModelConfig model);

    @Override
    default Adapter start(ModelConfig model, long seed) {
        int modules = config().sites(model).size();
        int first = budget().first();
        boolean ahead = learnsAhead() && budget().left(modules, modules * first) > 0;
        return shape().start(config(), model, budget().of(first, ahead), seed);
    }

    @Override
    default Adapter resume(Adapter kept, KeptNumbers more) {
        SortedMap<Site, LowRank> factors = kept.factors();
        int ranks = factors.values().stream().mapToInt(LowRank::rank).sum();
        boolean ahead = learnsAhead() && budget().left(factors.size(), ranks) > 0;
        Map<Site, Core> modules = new TreeMap<>();
        factors.forEach((site, served) ->
                modules.put(site, shape().resume(site, served, budget().of(served.rank(), ahead), more)));
        return kept.with(modules);
    }

    @Override
    default Optional<RankGrowth> growth(ModelConfig model, int steps) {
        int interval = settings().interval(steps, times(model));
        return Optional.of(new RankGrowth(
                budget(), rule(model), config().sites(model), settings().warmup(steps), interval, steps));
    }

    /** A module may have up to twice the average. */
    @Override
    default int maxRank(ModelConfig model, int served) {
        return served / 2;
    }

    @Override
    default LongStream parameters(ModelConfig model) {
        return shape().parameters(config(), model);
    }
}
