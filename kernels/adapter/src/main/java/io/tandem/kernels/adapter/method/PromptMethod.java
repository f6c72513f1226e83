package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.model.ModelConfig;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/**
 * Prompt tuning (Lester et al., 2021): virtual tokens before every text. They start with the embeddings of random tokens, as
 * PEFT's {@code SAMPLE_VOCAB}.
 */
public record PromptMethod(PromptConfig config) implements PeftMethod {
    @Override
    public String name() {
        return "prompt_tuning";
    }

    @Override
    public int virtualTokens() {
        return config.virtualTokens();
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int[] sample = random.ints(config.virtualTokens(), 0, model.vocab()).toArray();
        return new Adapter(config, Prompt.fresh(model.hidden(), sample));
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return LongStream.of((long) config.virtualTokens() * model.hidden());
    }
}
