package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.KeptNumbers;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.SingularValues;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.LongStream;

/**
 * SVFit (Sun et al., 2024): the largest singular values of the frozen weights learn, one number for each rank, while the
 * singular vectors stay. Modules whose smaller side is less than the rank have that many.
 *
 * @param config with the scaling of one
 */
public record SvfitMethod(LoraConfig config) implements PeftMethod {
    @Override
    public String name() {
        return "svfit";
    }

    /** Of the shape that it has, with the weights' singular vectors missing. */
    @Override
    public Adapter start(ModelConfig model, long seed) {
        return starting(model, (site, empty) -> empty);
    }

    @Override
    public Adapter start(ModelConfig model, BaseWeights weights, long seed) {
        SplittableRandom seeds = new SplittableRandom(seed);
        return starting(model, (site, like) -> {
            Weight weight = new Weight(like.outputs(), like.inputs(), weights.of(site));
            return SingularTriplets.of(weight, like.rank(), seeds.nextLong()).factors(like.rank(), 1, value -> 1);
        });
    }

    private Adapter starting(ModelConfig model, BiFunction<Site, LowRank, LowRank> vectors) {
        Map<Site, Change> modules = new TreeMap<>();
        for (Site site : config.sites(model)) {
            int inputs = site.module().inputs(model);
            int outputs = site.module().outputs(model);
            int rank = rank(model, site.module());
            LowRank empty = new LowRank(rank, inputs, outputs, new float[rank * inputs], new float[outputs * rank], 1);
            modules.put(site, new SingularValues(vectors.apply(site, empty), new float[rank]));
        }
        return new Adapter(config.of(model), modules);
    }

    private int rank(ModelConfig model, TargetModule module) {
        return Math.min(config.rank(), Math.min(module.inputs(model), module.outputs(model)));
    }

    @Override
    public Adapter resume(Adapter kept, KeptNumbers more) {
        Map<Site, Change> modules = new TreeMap<>();
        kept.factors().forEach((site, served) -> {
            LowRank vectors = served.with(List.of(served.a(), more.of(site, LowRank.B)));
            modules.put(site, new SingularValues(vectors, more.of(site, SingularValues.CHANGES)));
        });
        return kept.with(modules);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return config.sites(model).stream().mapToLong(site -> rank(model, site.module()));
    }

    /** The left singular vectors. */
    @Override
    public long fixed(ModelConfig model) {
        return config.sites(model).stream()
                .mapToLong(site ->
                        (long) rank(model, site.module()) * site.module().outputs(model))
                .sum();
    }
}
