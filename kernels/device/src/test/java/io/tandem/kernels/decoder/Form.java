package io.tandem.kernels.decoder;

import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Core.Ranks;
import io.tandem.kernels.adapter.Core.Shape;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.FloraMethod;
import io.tandem.kernels.adapter.method.SvfitMethod;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.util.Arrays;
import java.util.EnumSet;

/** Forms of changes in tests, by whose they are. */
enum Form {
    LORA,
    IA3,
    DORA,
    PISSA,
    PROMPT,
    PREFIX,
    FLORA,
    SVFIT,
    INCRELORA,
    TRIADAPT,
    BIASED,
    SERIES,
    PARALLEL,
    SUM,
    HEAD,
    FULL,
    SPT,
    L4Q,
    PST;

    Adapter random(ModelConfig model, long seed) {
        return switch (this) {
            case LORA -> TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 5, seed);
            case IA3 -> TinyAdapters.scales(model, seed);
            case DORA -> TinyAdapters.dora(model, 4, seed);
            case PISSA -> TinyAdapters.leading(model, 2, 4, seed);
            case PROMPT -> TinyAdapters.prompt(model, 5, seed);
            case PREFIX -> TinyAdapters.prefix(model, 5, seed);
            case FLORA -> TinyAdapters.core(model, Shape.FULL, Ranks.all(3), 3, seed);
            case SVFIT -> TinyAdapters.singular(model, 6, seed);
            case INCRELORA -> TinyAdapters.core(model, Shape.DIAGONAL, new Ranks(3, 1, 2, 2), 7, seed);
            case TRIADAPT -> TinyAdapters.core(model, Shape.FULL, new Ranks(4, 2, 2, 0), 6, seed);
            case BIASED -> TinyAdapters.biased(model, 5, seed);
            case SERIES -> bottlenecks(model, Input.OUTPUT, Function.SILU, seed);
            case PARALLEL -> bottlenecks(model, Input.STREAM, Function.RELU, seed);
            case SUM -> bottlenecks(model, Input.SUM, Function.GELU, seed);
            case HEAD -> TinyAdapters.full(LORA.random(model, seed), model, EnumSet.of(FullModule.LM_HEAD), seed);
            case FULL -> TinyAdapters.full(DORA.random(model, seed), model, EnumSet.allOf(FullModule.class), seed);
            case SPT -> TinyAdapters.singleWeights(model, 5, seed);
            case L4Q -> TinyAdapters.quantized(model, 3, 4, 4, seed);
            case PST -> TinyAdapters.sparse(model, 3, 0.6, seed);
        };
    }

    private static Adapter bottlenecks(ModelConfig model, Input input, Function function, long seed) {
        return TinyAdapters.bottlenecks(model, new Bottleneck.Kind(input, function, 0.7), 5, seed);
    }

    /** Whether what comes of it is no adapter. */
    boolean makesBase() {
        return this == L4Q || this == PST;
    }

    /** Forms of adapters that answer requests. */
    static Form[] served() {
        return Arrays.stream(values()).filter(form -> !form.makesBase()).toArray(Form[]::new);
    }

    /** What it learns on from, of what was kept. */
    Adapter resume(Adapter kept, OptimizerState state) {
        LoraConfig any = new LoraConfig(3, 6, false, LoraConfig.everyLinear(), "");
        return switch (this) {
            case PISSA -> TinyAdapters.leading(kept, 2);
            case FLORA -> new FloraMethod(any).resume(kept, state::numbers);
            case SVFIT -> new SvfitMethod(any).resume(kept, state::numbers);
            case INCRELORA, TRIADAPT ->
                CoreReference.resumed(
                        random(TinyModel.of(TinyModel.Variant.BIASES, 1).config(), 1), state);
            case LORA, IA3, DORA, PROMPT, PREFIX, BIASED, SERIES, PARALLEL, SUM, HEAD, FULL, SPT, L4Q, PST -> kept;
        };
    }

    /** Its gradient, as the device has it. */
    Adapter gradient(Adapter reference, Adapter like) {
        return this == PISSA ? TinyAdapters.leading(reference, 2) : CoreReference.gradient(reference, like);
    }
}
