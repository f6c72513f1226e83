package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Core.Ranks;
import io.tandem.kernels.adapter.KeptNumbers;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * FLoRA (Si et al., 2024): a Tucker decomposition of the change, which for a matrix is {@code s B C A} with a core C of
 * {@code [rank, rank]}. It starts as the authors' version for language models does.
 */
public record FloraMethod(LoraConfig config) implements PeftMethod {
    @Override
    public String name() {
        return "flora";
    }

    private CoreShape shape() {
        return new CoreShape(Core.Shape.FULL, config.rank(), 0);
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        return shape().start(config, model, Ranks.all(config.rank()), seed);
    }

    @Override
    public Adapter resume(Adapter kept, KeptNumbers more) {
        Map<Site, Core> modules = new TreeMap<>();
        kept.factors()
                .forEach((site, served) ->
                        modules.put(site, shape().resume(site, served, Ranks.all(config.rank()), more)));
        return kept.with(modules);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return shape().parameters(config, model);
    }
}
