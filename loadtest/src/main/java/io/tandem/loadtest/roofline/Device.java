package io.tandem.loadtest.roofline;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.decoder.TorchScriptDecoder;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyAdapters;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/** The model of the benchmarks, as the properties of their process say. */
final class Device {
    static final String MODEL = "tandem.benchmark.model";
    static final String THREADS = "tandem.benchmark.threads";
    static final int RANK = 16;
    static final int CONTEXT = 128;
    static final int PACK = 512;

    private static final int SEQUENCES = 32;
    private static final int MOST_TOKENS = 512;
    private static final int ADAPTERS = 8;

    private Device() {}

    static DeviceModel load(Stash stash) {
        KernelsConfig limits = new KernelsConfig(
                Dtype.BFLOAT16,
                WeightForm.AUTO,
                Integer.getInteger(THREADS, 0),
                SEQUENCES,
                MOST_TOKENS,
                MOST_TOKENS,
                ADAPTERS,
                RANK,
                PACK,
                stash);
        return TorchScriptDecoder.load(ModelSource.open(Path.of(System.getProperty(MODEL))), limits, LoadProgress.NONE);
    }

    /** An adapter of every linear. */
    static Adapter adapter(DeviceModel device, int seed) {
        return TinyAdapters.random(device.model(), LoraConfig.allLinears(), RANK, seed);
    }

    static int[] tokens(DeviceModel device, int count) {
        return new Random(count).ints(count, 1, device.model().vocab()).toArray();
    }

    static IterationInputs prefill(DeviceModel device, int slot, int tokens) {
        return inputs(List.of(segment(slot, 0, tokens(device, tokens), IterationInputs.BASE)));
    }

    static Segment segment(int slot, int start, int[] tokens, int[] adapterSlots) {
        return new Segment(slot, start, tokens, adapterSlots, Optional.of(Sampling.GREEDY));
    }

    static IterationInputs inputs(List<Segment> segments) {
        return new IterationInputs(segments, Optional.empty());
    }
}
