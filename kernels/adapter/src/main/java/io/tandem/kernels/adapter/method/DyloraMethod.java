package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/**
 * DyLoRA (Valipour et al., 2023): LoRA of which any first ranks serve alone. Each step draws how many of them its rows use, evenly
 * from one to all, and all of those learn. It starts as LoRA.
 */
public record DyloraMethod(LoraConfig config) implements PeftMethod {
    /** That of {@link SplittableRandom}: the draw of a step is the one after that of the step before. */
    private static final long GAMMA = 0x9E3779B97F4A7C15L;

    @Override
    public String name() {
        return "dylora";
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        return new LoraMethod(config).start(model, seed);
    }

    @Override
    public int ranks(long seed, int step) {
        return 1 + new SplittableRandom(seed + step * GAMMA).nextInt(config.rank());
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return config.factors(model);
    }
}
