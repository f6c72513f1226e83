package io.tandem.loadtest.peers;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.decoder.TorchScriptDecoder;
import io.tandem.kernels.source.ModelSource;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;

/** Tandem's device model in this process, drawing greedily. */
final class TandemEngine implements Engine {
    private final String name;
    private final DeviceModel device;
    private final Random random = new Random(1);

    TandemEngine(String name, Path model, KernelsConfig limits) {
        this.name = name;
        device = TorchScriptDecoder.load(ModelSource.open(model), limits, LoadProgress.NONE);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public double[] decode(int batch, int context, int steps) {
        for (int slot = 0; slot < batch; slot++) {
            device.run(inputs(List.of(segment(slot, 0, tokens(context), Optional.empty()))));
        }
        double[] millis = new double[steps];
        for (int step = 0; step < steps; step++) {
            int position = context + step;
            millis[step] = timed(inputs(IntStream.range(0, batch)
                    .mapToObj(slot -> segment(slot, position, tokens(1), Optional.of(Sampling.GREEDY)))
                    .toList()));
        }
        return millis;
    }

    @Override
    public double[] prefill(int tokens, int repetitions) {
        double[] millis = new double[repetitions];
        for (int i = 0; i < repetitions; i++) {
            millis[i] = timed(inputs(List.of(segment(0, 0, tokens(tokens), Optional.of(Sampling.GREEDY)))));
        }
        return millis;
    }

    @Override
    public int[] greedy(int[] prompt) {
        int[] likely = new int[prompt.length];
        for (int at = 0; at < prompt.length; at++) {
            Segment segment = segment(0, at, new int[] {prompt[at]}, Optional.of(Sampling.GREEDY));
            likely[at] = device.run(inputs(List.of(segment))).draws().get(0).token();
        }
        return likely;
    }

    private double timed(IterationInputs inputs) {
        long start = System.nanoTime();
        device.run(inputs);
        return (System.nanoTime() - start) / 1e6;
    }

    private int[] tokens(int count) {
        return random.ints(count, 1, device.model().vocab()).toArray();
    }

    private static Segment segment(int slot, int start, int[] tokens, Optional<Sampling> sampling) {
        return new Segment(slot, start, tokens, IterationInputs.BASE, sampling);
    }

    private static IterationInputs inputs(List<Segment> segments) {
        return new IterationInputs(segments, Optional.empty());
    }

    @Override
    public void close() {
        device.close();
    }
}
