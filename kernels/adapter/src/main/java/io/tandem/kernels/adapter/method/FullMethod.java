package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterConfig;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.KeptNumbers;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.model.ModelConfig;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.LongStream;

/**
 * Another method with modules that learn in full beside it, PEFT's {@code modules_to_save}: copies of the model's own, which
 * stay as they are.
 *
 * @param method what is trained beside them
 */
public record FullMethod(PeftMethod method, Set<FullModule> fullModules) implements PeftMethod {
    public FullMethod {
        fullModules = Collections.unmodifiableSet(EnumSet.copyOf(fullModules));
    }

    @Override
    public String name() {
        return method.name();
    }

    @Override
    public AdapterConfig config() {
        return method.config();
    }

    /** Without the weights they are zeros. */
    @Override
    public Adapter start(ModelConfig model, long seed) {
        int numbers = Math.toIntExact(FullModule.numbers(model));
        return method.start(model, seed).withFull(each(model, module -> new float[numbers]));
    }

    @Override
    public Adapter start(ModelConfig model, BaseWeights weights, long seed) {
        return method.start(model, weights, seed)
                .withFull(each(model, module -> weights.of(module.source(model).path())));
    }

    private SortedMap<FullModule, Parameter> each(ModelConfig model, Function<FullModule, float[]> values) {
        SortedMap<FullModule, Parameter> full = new TreeMap<>();
        fullModules.forEach(module -> full.put(module, module.parameter(model, values.apply(module))));
        return full;
    }

    @Override
    public Adapter resume(Adapter kept, KeptNumbers more) {
        if (!kept.full().keySet().equals(fullModules)) {
            throw new IllegalArgumentException("the adapter has other modules in full than " + fullModules);
        }
        return method.resume(kept.withFull(Map.of()), more).withFull(kept.full());
    }

    /** Copies that rows use, in the device's type. */
    @Override
    public long fixed(ModelConfig model) {
        return method.fixed(model) + fullModules.size() * FullModule.numbers(model);
    }

    @Override
    public int maxRank(ModelConfig model, int served) {
        return method.maxRank(model, served);
    }

    @Override
    public int ranks(long seed, int step) {
        return method.ranks(seed, step);
    }

    @Override
    public Optional<RankGrowth> growth(ModelConfig model, int steps) {
        return method.growth(model, steps);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return LongStream.concat(
                method.parameters(model), fullModules.stream().mapToLong(module -> FullModule.numbers(model)));
    }
}
