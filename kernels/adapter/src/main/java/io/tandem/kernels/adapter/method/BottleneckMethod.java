package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.model.ModelConfig;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * Bottleneck adapters, in series (Houlsby et al., 2019) or in parallel (He et al., 2022). They start as the library {@code
 * adapters} starts them with {@code init_weights="mam_adapter"}: D uniform in {@code ±1/sqrt(channels)}, all else zero, so that
 * they change nothing yet.
 */
public record BottleneckMethod(BottleneckConfig config) implements PeftMethod {
    @Override
    public String name() {
        return "bottleneck";
    }

    @Override
    public Adapter start(ModelConfig model, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int width = config.width();
        int channels = model.hidden();
        double bound = 1 / Math.sqrt(channels);
        SortedMap<Site, Bottleneck> modules = new TreeMap<>();
        for (Site site : config.sites(model)) {
            float[] down = new float[width * channels];
            for (int i = 0; i < down.length; i++) {
                down[i] = (float) ((2 * random.nextDouble() - 1) * bound);
            }
            float[] up = new float[channels * width];
            modules.put(
                    site,
                    new Bottleneck(width, channels, config.kind(), down, new float[width], new float[channels], up));
        }
        return new Adapter(config.of(model), modules);
    }

    @Override
    public int bottleneckWidth() {
        return config.width();
    }

    @Override
    public LongStream parameters(ModelConfig model) {
        long channels = model.hidden();
        long width = config.width();
        return config.sites(model).stream()
                .flatMapToLong(site -> LongStream.of(width * channels, width, channels, channels * width));
    }
}
