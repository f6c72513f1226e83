package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.LongStream;

/** DoRA (Liu et al., 2024): factors that start as LoRA's, and magnitudes that start as the norms of the frozen weight's rows. */
public record DoraMethod(LoraConfig config) implements PeftMethod {
    @Override
    public String name() {
        return "dora";
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        Adapter factors = new LoraMethod(config).start(model, seed);
        SortedMap<Site, Dora> modules = new TreeMap<>();
        factors.factors().forEach((site, direction) -> modules.put(site, Dora.fresh(direction)));
        return new Adapter(factors.config(), modules);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        LongStream magnitudes =
                config.sites(model).stream().map(Site::module).mapToLong(module -> module.outputs(model));
        return LongStream.concat(config.factors(model), magnitudes);
    }
}
