package io.tandem.server.finetune;

import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.api.ApiException;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.ExampleLines;
import io.tandem.server.finetune.distill.Distillation;
import io.tandem.server.finetune.distill.Distillation.Learned;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.IntBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What is left of a training file.
 *
 * @param examples as JSON lines
 * @param table a line for each example of the training file
 * @param kept how many examples it has
 * @param of so many of the training file
 */
record DistilledFile(Path examples, Path table, int kept, int of) {

    /**
     * A line of the training file.
     *
     * @param number from 0
     */
    private record Line(int number, Learned learned) {}

    /** @throws ApiException if the file has too many examples, or none to leave out */
    static void requireMore(JobDistillation wanted, JobData data) {
        int lines = data.trainingSet().summary().examples();
        if (lines > JobDistillation.MOST_EXAMPLES || data.training().size() > JobDistillation.MOST_EXAMPLES) {
            throw ApiException.invalid(
                    "training_file",
                    "'training_file' has more than the " + JobDistillation.MOST_EXAMPLES
                            + " examples that can be distilled; split it.");
        }
        int different = lines - data.trainingSet().summary().duplicates();
        if (wanted.wanted().examples() >= different) {
            throw ApiException.invalid(
                    "examples",
                    "'examples' is " + wanted.wanted().examples() + ", and 'training_file' has only " + different
                            + " different ones.");
        }
    }

    /**
     * Chooses the examples and writes the files.
     *
     * @param trajectories of the job's examples
     * @param training the training file, which is closed
     * @param folder for the files
     */
    static DistilledFile write(
            JobDistillation wanted,
            JobData data,
            Trajectories trajectories,
            long seed,
            FileChannel training,
            Path folder)
            throws IOException {
        List<Line> lines = lines((Dataset.Supervised) data.trainingSet(), trajectories);
        Distillation chosen =
                Distillation.of(lines.stream().map(Line::learned).toList(), wanted.wanted(), seed);
        SortedSet<Integer> kept = new TreeSet<>();
        chosen.chosen().forEach(at -> kept.add(lines.get(at).number()));
        Path examples = folder.resolve("distilled.jsonl");
        try (InputStream in = Channels.newInputStream(training);
                Writer out = Files.newBufferedWriter(examples)) {
            ExampleLines.copy(in, kept, out);
        }
        Path table = folder.resolve("examples.csv");
        try (Writer out = Files.newBufferedWriter(table)) {
            out.write("example,ability,kept,cluster");
            for (int time = 1; time <= trajectories.times(); time++) {
                out.write(",loss_" + time);
            }
            out.write('\n');
            for (int at = 0; at < lines.size(); at++) {
                Line line = lines.get(at);
                out.write((line.number() + 1) + "," + line.learned().ability() + "," + kept.contains(line.number()) + ","
                        + chosen.clusters().get(at));
                for (double loss : line.learned().losses()) {
                    out.write("," + (float) loss);
                }
                out.write('\n');
            }
        }
        return new DistilledFile(
                examples, table, kept.size(), data.trainingSet().summary().examples());
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
            String ability =
                    set.examples().get(own.get(0)).tags().ability().orElse("");
            different.putIfAbsent(tokens, new Line(number, new Learned(ability, losses)));
        });
        return List.copyOf(different.values());
    }
}
