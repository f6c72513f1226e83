package io.tandem.scheduler.finetune;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.LowRank;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
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
        for (int layer = 0; layer < model.layers(); layer++) {
            for (TargetModule module : config.modules(model)) {
                int inputs = module.inputs(model);
                int outputs = module.outputs(model);
                float[] a = new float[config.rank() * inputs];
                double bound = 1 / Math.sqrt(inputs);
                for (int i = 0; i < a.length; i++) {
                    a[i] = (float) ((2 * random.nextDouble() - 1) * bound);
                }
                modules.put(
                        new Site(layer, module),
                        new LowRank(
                                config.rank(),
                                inputs,
                                outputs,
                                a,
                                new float[outputs * config.rank()],
                                config.scaling(config.rank())));
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
}
