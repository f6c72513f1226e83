package io.tandem.scheduler.finetune;

import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * Examples on their way through the device, pack by pack, and the scores of their sequences. Examples under one control
 * go together; which control comes first is the order of the examples.
 */
final class PackedExamples {
    private final List<Integer> indices;
    private final int sequencesEach;
    private final List<Pack> packs = new ArrayList<>();
    private final List<SequenceScores> scores = new ArrayList<>();

    /** @param control of all examples of the pack */
    record Pack(Optional<AdapterVersion> control, TrainingPack training) {}

    /**
     * @param all a job's examples by index, each with this many sequences
     * @param indices of those that go through the device
     * @param packTokens rows of a pack; no example has more
     */
    PackedExamples(
            IntFunction<Example> all, List<Integer> indices, int sequencesEach, Purpose purpose, int packTokens) {
        this.sequencesEach = sequencesEach;
        Map<Optional<ContentHash>, List<Integer>> groups = new LinkedHashMap<>();
        for (int index : indices) {
            groups.computeIfAbsent(all.apply(index).control().map(AdapterVersion::hash), first -> new ArrayList<>())
                    .add(index);
        }
        this.indices = groups.values().stream().flatMap(List::stream).toList();
        groups.values().forEach(group -> lay(group.stream().map(all::apply).toList(), purpose, packTokens));
    }

    /** @param examples of one control */
    private void lay(List<Example> examples, Purpose purpose, int packTokens) {
        Optional<AdapterVersion> control = examples.get(0).control();
        List<Sequence> open = new ArrayList<>();
        int rows = 0;
        for (Example example : examples) {
            if (rows + example.rows() > packTokens) {
                packs.add(new Pack(control, new TrainingPack(open, purpose)));
                open = new ArrayList<>();
                rows = 0;
            }
            open.addAll(example.sequences());
            rows += example.rows();
        }
        packs.add(new Pack(control, new TrainingPack(open, purpose)));
    }

    /** Which examples these are, in the order of the packs. */
    List<Integer> indices() {
        return indices;
    }

    int rows() {
        return packs.stream().mapToInt(pack -> pack.training().rows()).sum();
    }

    /** Whether every pack has its scores. */
    boolean done() {
        return scores.size() == packs.size();
    }

    /** Whether no pack has its scores yet. */
    boolean untouched() {
        return scores.isEmpty();
    }

    Pack next() {
        return packs.get(scores.size());
    }

    /** Takes in the scores of the next pack's sequences. */
    void add(SequenceScores pack) {
        scores.add(pack);
    }

    /** The scores of each example's sequences, for the examples of the packs that have them. */
    List<SequenceScores> byExample() {
        return scores.stream().flatMap(pack -> split(pack).stream()).toList();
    }

    /** Scores of a pack's sequences, example by example. */
    List<SequenceScores> split(SequenceScores pack) {
        List<SequenceScores> examples = new ArrayList<>();
        for (int at = 0; at < pack.losses().length; at += sequencesEach) {
            examples.add(pack.copyOfRange(at, at + sequencesEach));
        }
        return examples;
    }
}
