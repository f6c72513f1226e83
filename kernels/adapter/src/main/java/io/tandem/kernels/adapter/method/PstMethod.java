package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.model.ModelConfig;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * PST, parameter-efficient sparse training (Li et al., 2022): factors of a change of each weight learn together with factors of
 * the scores that say which of its numbers are left. Both products start as zero. The result is a base model; how sparse
 * it becomes, {@link io.tandem.kernels.adapter.learning.PstPolicy} says.
 */
public record PstMethod(SparseConfig config) implements OwnWeightMethod {
    public static final String NAME = "pst";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Map<Site, SparseFactors> modules = new TreeMap<>();
        for (Site site : config.sites(model)) {
            int inputs = site.module().inputs(model);
            int outputs = site.module().outputs(model);
            modules.put(
                    site,
                    new SparseFactors(
                            product(inputs, outputs, random),
                            product(inputs, outputs, random),
                            new float[outputs],
                            new float[inputs],
                            0));
        }
        return new Adapter(config.of(model), modules);
    }

    /** Of normal and of no numbers. */
    private LowRank product(int inputs, int outputs, SplittableRandom random) {
        float[] normal = new float[outputs * config.rank()];
        for (int i = 0; i < normal.length; i++) {
            normal[i] = (float) random.nextGaussian();
        }
        return new LowRank(config.rank(), inputs, outputs, new float[config.rank() * inputs], normal, 1);
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        return config.sites(model).stream().flatMapToLong(site -> {
            long inputs = site.module().inputs(model);
            long outputs = site.module().outputs(model);
            long rank = config.rank();
            return LongStream.of(outputs * rank, rank * inputs, outputs * rank, rank * inputs, outputs, inputs);
        });
    }

    /** The changed weights, what is left of them, and which numbers that is, in a byte each. */
    @Override
    public long fixed(ModelConfig model) {
        return 2 * model.layerParameters() + (model.layerParameters() + 1) / 2;
    }

    /**
     * A weight and its scores, and what the search for the threshold takes beside them: the scores again, and the place of each in
     * 8 bytes. Going backward takes less.
     */
    @Override
    public long momentary(ModelConfig model) {
        return 6 * OwnWeightMethod.largest(model);
    }
}
