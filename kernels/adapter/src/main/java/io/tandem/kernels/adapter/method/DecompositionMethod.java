package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.KeptNumbers;
import io.tandem.kernels.adapter.LeadingRanks;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.LongStream;

/**
 * LoRA whose factors begin as a part of the frozen weight. The papers subtract that part from the weight; here the weight,
 * which other adapters use too, stays as it is, and the adapter has the part once more, negated and frozen. That is what
 * PEFT makes of such an adapter when it converts it to LoRA of twice the rank.
 *
 * @param config with the rank that learns
 */
public record DecompositionMethod(LoraConfig config, Decomposition decomposition) implements PeftMethod {
    @Override
    public String name() {
        return decomposition.name().toLowerCase(Locale.ROOT);
    }

    /** Without the weights it starts as LoRA does. */
    @Override
    public Adapter start(ModelConfig model, long seed) {
        return departing(new LoraMethod(config).start(model, seed), (site, factors) -> factors);
    }

    @Override
    public Adapter start(ModelConfig model, BaseWeights weights, long seed) {
        SplittableRandom seeds = new SplittableRandom(seed);
        return departing(new LoraMethod(config).start(model, seed), (site, like) -> {
            Weight weight = new Weight(like.outputs(), like.inputs(), weights.of(site));
            return decomposition.factors(weight, like.rank(), like.scaling(), seeds.nextLong());
        });
    }

    private static Adapter departing(Adapter lora, BiFunction<Site, LowRank, LowRank> first) {
        LoraConfig config = doubled(lora.lora());
        Map<Site, Change> modules = new TreeMap<>();
        lora.factors().forEach((site, like) -> {
            double scaling = config.scaling(2 * like.rank());
            LowRank shaped = new LowRank(like.rank(), like.inputs(), like.outputs(), like.a(), like.b(), scaling);
            modules.put(site, LeadingRanks.departing(first.apply(site, shaped)));
        });
        return new Adapter(config, modules);
    }

    /** With twice the rank, and so much more alpha that the scaling is the same. */
    private static LoraConfig doubled(LoraConfig config) {
        double more = config.rankStabilized() ? Math.sqrt(2) : 2;
        return new LoraConfig(
                2 * config.rank(),
                more * config.alpha(),
                config.rankStabilized(),
                config.targets(),
                config.baseModel());
    }

    @Override
    public Adapter resume(Adapter kept, KeptNumbers more) {
        Map<Site, Change> modules = new TreeMap<>();
        kept.factors().forEach((site, whole) -> modules.put(site, new LeadingRanks(whole, config.rank())));
        return kept.with(modules);
    }

    /** Half of the ranks that are served learn, and no weight has more singular values than its smaller side. */
    @Override
    public int maxRank(ModelConfig model, int served) {
        List<TargetModule> modules = config.modules(model);
        int smallest = modules.stream()
                .mapToInt(module -> Math.min(module.inputs(model), module.outputs(model)))
                .min()
                .orElse(served);
        return Math.min(served / 2, smallest);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return config.factors(model);
    }
}
