package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Adapters of one small model that differ in all that may differ: ranks, scalings, modules. */
final class ThreeAdapters {
    static final ModelConfig MODEL = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    private ThreeAdapters() {}

    /** Rank 4 everywhere; ranks 1 to 5, rank-stabilized, without some modules; rank 2 in two kinds of modules. */
    static List<Adapter> different(long seed) {
        Adapter mixed = TinyAdapters.mixedRanks(MODEL, LoraConfig.allLinears(), 5, seed + 1);
        Map<Site, LowRank> modules = new TreeMap<>(mixed.factors());
        modules.remove(new Site(0, TargetModule.Q_PROJ));
        modules.remove(new Site(1, TargetModule.DOWN_PROJ));
        return List.of(
                TinyAdapters.random(MODEL, LoraConfig.allLinears(), 4, seed),
                new Adapter(mixed.config(), modules),
                TinyAdapters.random(MODEL, EnumSet.of(TargetModule.Q_PROJ, TargetModule.V_PROJ), 2, seed + 2));
    }

    /** The same rank and modules, but the second with another scaling. */
    static List<Adapter> alike(int rank, long seed) {
        Adapter second = TinyAdapters.random(MODEL, LoraConfig.allLinears(), rank, seed + 1);
        Map<Site, LowRank> modules = new TreeMap<>();
        second.factors()
                .forEach((site, f) ->
                        modules.put(site, new LowRank(f.rank(), f.inputs(), f.outputs(), f.a(), f.b(), 0.7)));
        LoraConfig config = new LoraConfig(rank, 0.7 * rank, false, LoraConfig.allLinears(), "");
        return List.of(
                TinyAdapters.random(MODEL, LoraConfig.allLinears(), rank, seed),
                new Adapter(config, modules),
                TinyAdapters.random(MODEL, LoraConfig.allLinears(), rank, seed + 2));
    }
}
