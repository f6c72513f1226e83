package io.tandem.kernels.decoder;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
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
}
