package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.model.ModelConfig;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.LongStream;

/**
 * L4Q, parameter-efficient quantization-aware fine-tuning (Jeon et al., 2024): factors and the step sizes of the quantized
 * weight that they are merged into learn together. Codes are symmetric, because those files that other servers read
 * have no offsets but whole numbers of steps; the paper's offset stays zero. The result is a base model.
 */
public record L4qMethod(QuantizedConfig config) implements OwnWeightMethod {
    @Override
    public String name() {
        return "l4q";
    }

    @Override
    public Optional<String> refusal(ModelConfig model) {
        return OwnWeightMethod.super
                .refusal(model)
                .or(() -> config.sites(model).stream()
                        .filter(site -> site.module().inputs(model) % config.groupSize() != 0)
                        .findFirst()
                        .map(site -> "needs a 'group_size' that divides the "
                                + site.module().inputs(model) + " inputs of "
                                + site.module().label() + ", and it is " + config.groupSize()));
    }

    /** With step sizes of one. */
    @Override
    public Adapter start(ModelConfig model, long seed) {
        return starting(model, seed, (site, factors) -> {
            float[] steps = new float[factors.outputs() * (factors.inputs() / config.groupSize())];
            Arrays.fill(steps, 1);
            return new QuantizedFactors(factors, config.bits(), config.groupSize(), steps);
        });
    }

    @Override
    public Adapter start(ModelConfig model, BaseWeights weights, long seed) {
        return starting(
                model,
                seed,
                (site, factors) ->
                        QuantizedFactors.start(factors, config.bits(), config.groupSize(), weights.of(site)));
    }

    private Adapter starting(ModelConfig model, long seed, BiFunction<Site, LowRank, QuantizedFactors> quantized) {
        Map<Site, QuantizedFactors> modules = new TreeMap<>();
        new LoraMethod(config.lora())
                .start(model, seed)
                .factors()
                .forEach((site, factors) -> modules.put(site, quantized.apply(site, factors)));
        return new Adapter(new QuantizedConfig(config.lora().of(model), config.bits(), config.groupSize()), modules);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        LongStream steps = config.sites(model).stream()
                .mapToLong(site ->
                        (long) site.module().outputs(model) * (site.module().inputs(model) / config.groupSize()));
        return LongStream.concat(config.lora().factors(model), steps);
    }

    /** The quantized weights, and how far each of them was rounded. */
    @Override
    public long fixed(ModelConfig model) {
        return 2 * model.layerParameters();
    }

    /** The gradient of a weight, and two more of its size that are made of it. */
    @Override
    public long momentary(ModelConfig model) {
        return 3 * OwnWeightMethod.largest(model);
    }
}
