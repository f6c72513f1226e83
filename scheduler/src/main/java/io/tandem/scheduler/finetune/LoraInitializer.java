package io.tandem.scheduler.finetune;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import java.util.EnumSet;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * A LoRA adapter as PEFT starts it: A uniform in {@code ±1/sqrt(inputs)} (Kaiming's rule with {@code a = sqrt(5)}), B
 * zero, so that it changes nothing yet.
 */
final class LoraInitializer {
    private LoraInitializer() {}

    static Adapter initialize(LoraConfig config, ModelConfig model, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SortedMap<Site, LowRank> modules = new TreeMap<>();
        for (Site site : Site.all(model)) {
            if (config.targets().contains(site.module())) {
                modules.put(site, factors(config, model, site, random));
            }
        }
        LoraConfig made = new LoraConfig(
                config.rank(),
                config.alpha(),
                config.rankStabilized(),
                EnumSet.copyOf(config.modules(model)),
                config.baseModel());
        return new Adapter(made, modules);
    }

    private static LowRank factors(LoraConfig config, ModelConfig model, Site site, SplittableRandom random) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        float[] a = new float[config.rank() * inputs];
        double bound = 1 / Math.sqrt(inputs);
        for (int i = 0; i < a.length; i++) {
            a[i] = (float) ((2 * random.nextDouble() - 1) * bound);
        }
        float[] b = new float[outputs * config.rank()];
        return new LowRank(config.rank(), inputs, outputs, a, b, config.scaling(config.rank()));
    }
}
