package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Core.Ranks;
import io.tandem.kernels.adapter.Core.Shape;
import io.tandem.kernels.adapter.KeptNumbers;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * What the methods with a core have in common. A and B start normal with a deviation of 0.02 and C as zero, so that nothing
 * is changed yet and C has a gradient.
 *
 * @param room for so many ranks
 * @param unused what a diagonal core has where there are no ranks yet
 */
record CoreShape(Shape shape, int room, float unused) {
    private static final double DEVIATION = 0.02;

    Adapter start(LoraConfig config, ModelConfig model, Ranks ranks, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] core = new float[shape.numbers(room)];
        if (shape == Shape.DIAGONAL) {
            Arrays.fill(core, ranks.used(), room, unused);
        }
        Map<Site, Core> modules = new TreeMap<>();
        for (Site site : config.sites(model)) {
            int inputs = site.module().inputs(model);
            int outputs = site.module().outputs(model);
            float[] a = normal(random, room * inputs);
            float[] b = normal(random, outputs * room);
            LowRank outer = new LowRank(room, inputs, outputs, a, b, config.scaling(ranks.used()));
            modules.put(site, new Core(outer, shape, core, ranks));
        }
        return new Adapter(config.of(model), modules);
    }

    private static float[] normal(SplittableRandom random, int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) (DEVIATION * random.nextGaussian());
        }
        return values;
    }

    /** A module that goes on to learn with these ranks. */
    Core resume(Site site, LowRank served, Ranks ranks, KeptNumbers more) {
        LowRank outer = new LowRank(
                room,
                served.inputs(),
                served.outputs(),
                more.of(site, LowRank.A),
                more.of(site, LowRank.B),
                served.scaling());
        return new Core(outer, shape, more.of(site, Core.E), ranks);
    }

    LongStream parameters(LoraConfig config, ModelConfig model) {
        return config.sites(model).stream()
                .map(Site::module)
                .flatMapToLong(module -> LongStream.of(
                        (long) room * module.inputs(model), (long) room * module.outputs(model), shape.numbers(room)));
    }
}
