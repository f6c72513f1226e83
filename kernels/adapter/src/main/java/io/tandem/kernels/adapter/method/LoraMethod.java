package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * LoRA (Hu et al., 2021), or with rank-stabilized scaling rsLoRA (Kalajdzievski, 2023). It starts as in PEFT: A uniform in
 * {@code ±1/sqrt(inputs)} (Kaiming's rule with {@code a = sqrt(5)}), B zero, so that it changes nothing yet.
 */
public record LoraMethod(LoraConfig config) implements PeftMethod {
    @Override
    public String name() {
        return config.rankStabilized() ? "rslora" : "lora";
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SortedMap<Site, LowRank> modules = new TreeMap<>();
        for (Site site : config.sites(model)) {
            modules.put(site, factors(model, site, random));
        }
        return new Adapter(config.of(model), modules);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return config.factors(model);
    }

    private LowRank factors(ModelConfig model, Site site, SplittableRandom random) {
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
