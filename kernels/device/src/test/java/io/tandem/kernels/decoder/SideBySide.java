package io.tandem.kernels.decoder;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** Packs that share the training arena. */
final class SideBySide {
    private SideBySide() {}

    /** A pack and the slots of its adapters. */
    record Laid(int[] slots, TrainingPack pack) {}

    static void lay(DeviceModel device, List<Laid> packs) {
        device.beginPack(packs.get(0).slots(), packs.get(0).pack());
        packs.stream().skip(1).forEach(next -> device.joinPack(next.slots(), next.pack()));
    }

    /**
     * Lays the packs and runs them forward and backward in random windows.
     *
     * @return the scores of each pack's sequences
     */
    static List<SequenceScores> train(DeviceModel device, List<Laid> packs, Random random, List<Segment> beside) {
        lay(device, packs);
        List<SequenceScores> scores = forward(device, packs, random, beside);
        backward(device, random, beside);
        return scores;
    }

    /**
     * The same of packs whose trainees are in the first slots.
     *
     * @return the sum of each one's losses
     */
    static List<Double> train(DeviceModel device, List<TrainingPack> packs, Random random) {
        List<Laid> laid = IntStream.range(0, packs.size())
                .mapToObj(slot -> new Laid(new int[] {slot}, packs.get(slot)))
                .toList();
        return train(device, laid, random, List.of()).stream()
                .map(scores -> Arrays.stream(scores.losses()).sum())
                .toList();
    }

    static List<SequenceScores> forward(DeviceModel device, List<Laid> packs, Random random, List<Segment> beside) {
        int sequences =
                packs.stream().mapToInt(own -> own.pack().sequences().size()).sum();
        SequenceScores all = SequenceScores.zeros(sequences);
        for (int[] window : Devices.split(random, device.packProgress().forwardRows())) {
            all.add(Devices.run(device, new TrainingWork(window[1] - window[0], 0), beside)
                    .scores());
        }
        List<SequenceScores> scores = new ArrayList<>();
        int first = 0;
        for (Laid own : packs) {
            int end = first + own.pack().sequences().size();
            scores.add(all.copyOfRange(first, end));
            first = end;
        }
        return scores;
    }

    static void backward(DeviceModel device, Random random, List<Segment> beside) {
        for (int[] window : Devices.split(random, (int) device.packProgress().backwardRowLayers())) {
            Devices.run(device, new TrainingWork(0, window[1] - window[0]), beside);
        }
    }

    /** Of each parameter the relative error, and in {@code ""} that of all together. */
    static Map<String, Double> errors(Adapter expected, Adapter actual) {
        Map<String, Parameter> found = parameters(actual);
        Map<String, Double> errors = new TreeMap<>();
        double[] whole = new double[2];
        parameters(expected).forEach((name, right) -> {
            double difference = 0;
            double norm = 0;
            for (int i = 0; i < right.values().length; i++) {
                difference += Math.pow(right.values()[i] - found.get(name).values()[i], 2);
                norm += Math.pow(right.values()[i], 2);
            }
            whole[0] += difference;
            whole[1] += norm;
            // What is zero is to be zero.
            errors.put(name, difference == 0 ? 0 : Math.sqrt(difference / norm));
        });
        errors.put("", Math.sqrt(whole[0] / whole[1]));
        return errors;
    }

    private static Map<String, Parameter> parameters(Adapter adapter) {
        Map<String, Parameter> parameters = new TreeMap<>();
        adapter.modules()
                .forEach((site, change) -> change.parameters().forEach(p -> parameters.put(site + " " + p.name(), p)));
        adapter.prefix().map(Prefix::parameter).ifPresent(p -> parameters.put(p.name(), p));
        return parameters;
    }
}
