package io.tandem.kernels.decoder;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Repetition;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Small devices, and what the tests ask of them again and again. */
final class Devices {
    private Devices() {}

    static TorchScriptDecoder load(TinyModel model, Dtype dtype) throws IOException {
        return load(model, dtype, Stash.KEEP);
    }

    static TorchScriptDecoder load(TinyModel model, Dtype dtype, Stash stash) throws IOException {
        return load(model, limits(dtype, 128, stash));
    }

    static TorchScriptDecoder load(TinyModel model, KernelsConfig limits) throws IOException {
        return load(model, limits, DecoderScript::new);
    }

    static TorchScriptDecoder load(TinyModel model, KernelsConfig limits, Supplier<DecoderScript> scripts)
            throws IOException {
        Path directory = Files.createTempDirectory("tiny-model");
        try {
            model.write(directory);
            return TorchScriptDecoder.load(ModelSource.open(directory), limits, scripts, LoadProgress.NONE);
        } finally {
            // What is loaded is in memory.
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    static KernelsConfig limits(Dtype dtype, int packTokens, Stash stash) {
        return limits(dtype, 1, packTokens, stash);
    }

    /** @param threads as many lanes as there may be */
    static KernelsConfig limits(Dtype dtype, int threads, int packTokens, Stash stash) {
        return new KernelsConfig(dtype, Forms.standard(dtype), threads, 6, 96, 256, 4, 8, packTokens, stash)
                .withFullModules(4);
    }

    /** Room for so many sequences and adapters. */
    static KernelsConfig limits(int threads, int kvSlots, int adapterSlots) {
        return limits(Dtype.FLOAT32, threads, kvSlots, adapterSlots);
    }

    static KernelsConfig limits(Dtype dtype, int threads, int kvSlots, int adapterSlots) {
        return new KernelsConfig(
                        dtype, Forms.standard(dtype), threads, kvSlots, 96, 256, adapterSlots, 8, 128, Stash.KEEP)
                .withFullModules(4);
    }

    /** Greedy, with the log-probabilities of the whole vocabulary. */
    static Sampling scored(DeviceModel device) {
        return new Sampling(
                0,
                0,
                1,
                0,
                0,
                Repetition.NONE,
                new int[0],
                new float[0],
                device.model().vocab());
    }

    static Segment segment(int slot, int start, int[] tokens, int[] adapterSlots, Sampling sampling) {
        return new Segment(slot, start, tokens, adapterSlots, Optional.of(sampling));
    }

    static IterationOutputs run(DeviceModel device, Segment... segments) {
        return device.run(new IterationInputs(List.of(segments), Optional.empty()));
    }

    static int[] tokens(Random random, int length, int vocab) {
        return random.ints(length, 0, vocab).toArray();
    }

    /** Log-probabilities by token. */
    static float[] byToken(Draw draw) {
        float[] scores = new float[draw.topTokens().length];
        for (int i = 0; i < scores.length; i++) {
            scores[draw.topTokens()[i]] = draw.topLogprobs()[i];
        }
        return scores;
    }

    /** The logarithm of the softmax. */
    static double[] logSoftmax(double[] logits) {
        double max = Double.NEGATIVE_INFINITY;
        for (double logit : logits) {
            max = Math.max(max, logit);
        }
        double sum = 0;
        for (double logit : logits) {
            sum += Math.exp(logit - max);
        }
        double[] scores = new double[logits.length];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = logits[i] - max - Math.log(sum);
        }
        return scores;
    }

    static float[] narrow(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    /** Sequences of awkward lengths, the first with a label everywhere, the others with some, and one at the end for sure. */
    static TrainingPack pack(Random random, int vocab, int... lengths) {
        List<TrainingPack.Sequence> sequences = new ArrayList<>();
        for (int length : lengths) {
            int[] tokens = tokens(random, length, vocab);
            int[] labels = new int[length];
            for (int i = 0; i < length; i++) {
                boolean chosen = sequences.isEmpty() || i + 2 == length || random.nextInt(3) > 0;
                boolean learned = i + 1 < length && chosen;
                labels[i] = learned ? tokens[i + 1] : TrainingPack.IGNORED;
            }
            sequences.add(new TrainingPack.Sequence(tokens, labels));
        }
        return new TrainingPack(sequences, TrainingPack.Purpose.LEARN);
    }

    /** Cuts {@code 0..rows} at random places. */
    static List<int[]> split(Random random, int rows) {
        List<int[]> windows = new ArrayList<>();
        int from = 0;
        while (from < rows) {
            int to = Math.min(rows, from + 1 + random.nextInt(1 + random.nextInt(rows)));
            windows.add(new int[] {from, to});
            from = to;
        }
        return windows;
    }

    /**
     * Runs a pack forward and backward in random windows, with other segments beside each iteration if given.
     *
     * @return the sum of the losses
     */
    static double train(DeviceModel device, int[] slots, TrainingPack pack, Random random, List<Segment> beside) {
        SequenceScores scores = forward(device, slots, pack, random, beside);
        backward(device, pack, random, beside);
        return Arrays.stream(scores.losses()).sum();
    }

    /** Runs a pack forward and backward in windows of one size. */
    static void trainInWindows(DeviceModel device, int[] slots, TrainingPack pack, int size) {
        trainInWindows(device, slots, pack, size, List.of());
    }

    /** The same with other segments beside each iteration. */
    static void trainInWindows(DeviceModel device, int[] slots, TrainingPack pack, int size, List<Segment> beside) {
        device.beginPack(slots, pack);
        int rows = device.packProgress().forwardRows();
        for (int from = 0; from < rows; from += size) {
            run(device, new TrainingWork(Math.min(size, rows - from), 0), beside);
        }
        int learning = device.packProgress().learningRows();
        for (int layer = device.packProgress().layers(); layer > 0; layer--) {
            for (int left = learning; left > 0; left -= size) {
                run(device, new TrainingWork(0, Math.min(size, left)), beside);
            }
        }
    }

    static IterationOutputs run(DeviceModel device, TrainingWork work, List<Segment> beside) {
        return device.run(new IterationInputs(beside, Optional.of(work)));
    }

    /** The first half. */
    static SequenceScores forward(
            DeviceModel device, int[] slots, TrainingPack pack, Random random, List<Segment> beside) {
        device.beginPack(slots, pack);
        SequenceScores scores = SequenceScores.zeros(pack.sequences().size());
        for (int[] window : split(random, device.packProgress().forwardRows())) {
            TrainingWork work = new TrainingWork(window[1] - window[0], 0);
            scores.add(run(device, work, beside).scores());
        }
        return scores;
    }

    /** The second half. */
    static void backward(DeviceModel device, TrainingPack pack, Random random, List<Segment> beside) {
        List<Integer> units = new ArrayList<>();
        int learning = device.packProgress().learningRows();
        for (int layer = device.packProgress().layers(); layer > 0; layer--) {
            split(random, learning).forEach(window -> units.add(window[1] - window[0]));
        }
        int at = 0;
        while (at < units.size()) {
            int end = Math.min(units.size(), at + 1 + random.nextInt(3));
            int rowLayers =
                    units.subList(at, end).stream().mapToInt(rows -> rows).sum();
            run(device, new TrainingWork(0, rowLayers), beside);
            at = end;
        }
    }
}
