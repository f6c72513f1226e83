package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.model.ModelConfig;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/**
 * Prefix tuning (Li and Liang, 2021): keys and values of virtual tokens before every text, without the paper's projection.
 * They start as those of random tokens, since the paper finds the activations of real words to be the better start.
 */
public record PrefixMethod(PrefixConfig config) implements PeftMethod {
    @Override
    public String name() {
        return "prefix_tuning";
    }

    @Override
    public int virtualTokens() {
        return config.virtualTokens();
    }

    @Override
    public int virtualRows() {
        return 0;
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int[] sample = random.ints(config.virtualTokens(), 0, model.vocab()).toArray();
        return new Adapter(config, KeysAndValues.fresh(model, sample));
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return LongStream.of((long) config.virtualTokens() * KeysAndValues.width(model));
    }
}
