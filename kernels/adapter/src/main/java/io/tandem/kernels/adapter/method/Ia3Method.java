package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * (IA)^3 (Liu et al., 2022): factors on the output of a linear, or on the input if it is an MLP's down projection. They
 * start with one, so the adapter changes nothing yet.
 */
public record Ia3Method(Ia3Config config) implements PeftMethod {
    @Override
    public String name() {
        return "ia3";
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        SortedMap<Site, Scale> modules = new TreeMap<>();
        for (Site site : config.sites(model)) {
            modules.put(site, ones(site.module(), model));
        }
        return new Adapter(new Ia3Config(EnumSet.copyOf(config.modules(model)), config.baseModel()), modules);
    }

    private static Scale ones(TargetModule module, ModelConfig model) {
        float[] factors = new float[channels(module, model)];
        Arrays.fill(factors, 1);
        return new Scale(module.inputs(model), module.outputs(model), Ia3Config.side(module), factors);
    }

    private static int channels(TargetModule module, ModelConfig model) {
        return Ia3Config.side(module) == Side.INPUT ? module.inputs(model) : module.outputs(model);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return config.sites(model).stream().map(Site::module).mapToLong(module -> channels(module, model));
    }
}
