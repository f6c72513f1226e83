package io.tandem.server.finetune.distill;

import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.api.ApiException;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.ExampleLines;
import io.tandem.server.finetune.distill.Distillation.Learned;
import io.tandem.server.finetune.distill.Distillation.Wanted;
import io.tandem.server.storage.JobStore;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What is left of a training file.
 *
 * @param examples as JSON lines
 * @param table a line for each example of the training file
 * @param kept how many examples it has
 * @param of so many, of the training file or written
 * @param written how it came to those that were written, if they were
 */
public record DistilledFile(Path examples, Path table, int kept, int of, Optional<Written> written) {

    /** Of a file that can be distilled, since all of their losses are kept with each checkpoint. */
    public static final int MOST_EXAMPLES = 100_000;

    public static final String FILE = "distilled.jsonl";
    public static final String TABLE = "examples.csv";

    /** Opens the examples, for whoever closes them. */
    public interface Source {
        InputStream open() throws IOException;
    }

    /**
     * What became of the examples that were begun.
     *
     * @param begun all of them
     * @param unfinished came to no end, or cannot be learned as the template writes them
     * @param verbatim ask what the training file asks, word by word
     * @param repeated ask what an earlier one asks
     */
    public record Written(int begun, int unfinished, int verbatim, int repeated) {
        /** Those that the file can be chosen of. */
        public int usable() {
            return begun - unfinished - verbatim - repeated;
        }
    }

    /** The same, which was written. */
    public DistilledFile written(Written how) {
        return new DistilledFile(examples, table, kept, of, Optional.of(how));
    }

    /** Writes files. */
    public interface Scratch {
        Path write(String name, JobStore.Content content) throws IOException;
    }

    /**
     * A line of the training file.
     *
     * @param number from 0
     */
    private record Line(int number, Learned learned) {}

    /** @throws ApiException if the file has too many examples */
    public static void requireFew(Dataset.Supervised set) {
        if (set.summary().examples() > MOST_EXAMPLES || set.examples().size() > MOST_EXAMPLES) {
            throw ApiException.invalid(
                    "training_file",
                    "'training_file' has more than the " + MOST_EXAMPLES
                            + " examples that can be distilled; split it.");
        }
    }

    /** @throws ApiException if the file has no examples to leave out */
    public static void requireMore(Wanted wanted, Dataset.Supervised set) {
        int different = set.summary().examples() - set.summary().duplicates();
        if (wanted.examples() >= different) {
            throw ApiException.invalid(
                    "examples",
                    "'examples' is " + wanted.examples() + ", and 'training_file' has only " + different
                            + " different ones.");
        }
    }

    /**
     * Chooses the examples and writes the files.
     *
     * @param set the examples there are, of the training file or written
     * @param trajectories of its examples
     * @param texts the same as a file
     * @param scratch where the files go
     */
    public static DistilledFile write(
            Wanted wanted, Dataset.Supervised set, Trajectories trajectories, long seed, Source texts, Scratch scratch)
            throws IOException {
        List<Line> lines = lines(set, trajectories);
        Distillation chosen = Distillation.of(lines.stream().map(Line::learned).toList(), wanted, seed);
        SortedSet<Integer> kept = new TreeSet<>();
        chosen.chosen().forEach(at -> kept.add(lines.get(at).number()));
        Path examples = scratch.write(FILE, out -> {
            try (InputStream in = texts.open()) {
                ExampleLines.copy(in, kept, out);
            }
        });
        Path table = scratch.write(TABLE, out -> table(lines, chosen, trajectories.times(), out));
        return new DistilledFile(examples, table, kept.size(), set.summary().examples(), Optional.empty());
    }

    private static void table(List<Line> lines, Distillation distillation, int times, Writer out) throws IOException {
        out.write("example,ability,kept,cluster");
        for (int time = 1; time <= times; time++) {
            out.write(",loss_" + time);
        }
        out.write('\n');
        for (int at = 0; at < lines.size(); at++) {
            Learned learned = lines.get(at).learned();
            out.write((lines.get(at).number() + 1) + "," + learned.ability() + ","
                    + distillation.chosen().contains(at) + ","
                    + distillation.clusters().get(at));
            for (double loss : learned.losses()) {
                out.write("," + (float) loss);
            }
            out.write('\n');
        }
    }

    /**
     * Lines that differ, each with the mean losses of its sequences: a chat whose answers are learned one by one has several.
     */
    private static List<Line> lines(Dataset.Supervised set, Trajectories trajectories) {
        Map<Integer, List<Integer>> sequences = new LinkedHashMap<>();
        for (int i = 0; i < set.examples().size(); i++) {
            sequences
                    .computeIfAbsent(set.examples().get(i).line(), first -> new ArrayList<>())
                    .add(i);
        }
        Map<List<IntBuffer>, Line> different = new LinkedHashMap<>();
        sequences.forEach((number, own) -> {
            List<IntBuffer> tokens = own.stream()
                    .map(i -> IntBuffer.wrap(set.examples().get(i).sequence().tokens()))
                    .toList();
            double[] losses = trajectories.losses().stream()
                    .mapToDouble(time ->
                            own.stream().mapToDouble(time::get).average().orElseThrow())
                    .toArray();
            String ability = set.examples().get(own.get(0)).tags().ability().orElse("");
            different.putIfAbsent(tokens, new Line(number, new Learned(ability, losses)));
        });
        return List.copyOf(different.values());
    }
}
