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

/** LoRA whose A starts normal with a variance of 1/rank, PEFT's {@code init_lora_weights="gaussian"}. */
public record GaussianMethod(LoraConfig config) implements PeftMethod {
    @Override
    public String name() {
        return "gaussian";
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SortedMap<Site, LowRank> modules = new TreeMap<>();
        for (Site site : config.sites(model)) {
            float[] a = new float[config.rank() * site.module().inputs(model)];
            for (int i = 0; i < a.length; i++) {
                a[i] = (float) (random.nextGaussian() / Math.sqrt(config.rank()));
            }
            modules.put(site, factors(a, site, model));
        }
        return new Adapter(config, modules);
    }

    private LowRank factors(float[] a, Site site, ModelConfig model) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        float[] b = new float[outputs * config.rank()];
        return new LowRank(config.rank(), inputs, outputs, a, b, config.scaling(config.rank()));
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return config.factors(model);
    }
}
