package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.AdapterConfig;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.model.ModelConfig;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.LongStream;

/** LoRA with a bias on B, which starts at zero, PEFT's {@code lora_bias}. */
public record BiasedMethod(LoraMethod lora) implements PeftMethod {
    @Override
    public String name() {
        return lora.name();
    }

    @Override
    public AdapterConfig config() {
        return lora.config();
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        Adapter start = lora.start(model, seed);
        SortedMap<Site, BiasedFactors> modules = new TreeMap<>();
        start.factors().forEach((site, own) -> modules.put(site, new BiasedFactors(own, new float[own.outputs()])));
        return new Adapter(start.config(), modules);
    }

    /** The bias takes the room of a rank. */
    @Override
    public int maxRank(ModelConfig model, int served) {
        return served - 1;
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        LongStream biases =
                config().sites(model).stream().mapToLong(site -> site.module().outputs(model));
        return LongStream.concat(lora.parameters(model), biases);
    }
}
