package io.tandem.scheduler.finetune;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.TrainingPack.Sequence;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Examples on their way through the device, pack by pack, and the losses of their sequences. */
final class PackedExamples {
    private final List<Integer> indices;
    private final int sequencesEach;
    private final List<TrainingPack> packs = new ArrayList<>();
    private final List<double[]> losses = new ArrayList<>();

    /**
     * @param all a job's examples, each with this many sequences
     * @param indices of those that go through the device
     * @param packTokens rows of a pack; no example has more
     */
    PackedExamples(List<Example> all, List<Integer> indices, int sequencesEach, Purpose purpose, int packTokens) {
        this.indices = indices;
        this.sequencesEach = sequencesEach;
        List<Sequence> open = new ArrayList<>();
        int rows = 0;
        for (int index : indices) {
            Example example = all.get(index);
            if (rows + example.rows() > packTokens) {
                packs.add(new TrainingPack(open, purpose));
                open = new ArrayList<>();
                rows = 0;
            }
            open.addAll(example.sequences());
            rows += example.rows();
        }
        packs.add(new TrainingPack(open, purpose));
    }

    /** Which examples these are. */
    List<Integer> indices() {
        return indices;
    }

    int rows() {
        return packs.stream().mapToInt(TrainingPack::rows).sum();
    }

    /** Whether every pack has its losses. */
    boolean done() {
        return losses.size() == packs.size();
    }

    /** Whether no pack has its losses yet. */
    boolean untouched() {
        return losses.isEmpty();
    }

    TrainingPack next() {
        return packs.get(losses.size());
    }

    /** Takes in the losses of the next pack's sequences. */
    void add(double[] sequenceLosses) {
        losses.add(sequenceLosses);
    }

    /** The losses of each example's sequences, for the examples of the packs that have them. */
    List<double[]> byExample() {
        return losses.stream().flatMap(pack -> split(pack).stream()).toList();
    }

    /** Losses of a pack's sequences, example by example. */
    List<double[]> split(double[] sequenceLosses) {
        List<double[]> examples = new ArrayList<>();
        for (int at = 0; at < sequenceLosses.length; at += sequencesEach) {
            examples.add(Arrays.copyOfRange(sequenceLosses, at, at + sequencesEach));
        }
        return examples;
    }
}
