package io.tandem.loadtest.expert;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.pretrain.ExpertFiles;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.Exam;
import io.tandem.loadtest.TrainingJob;
import io.tandem.loadtest.TrainingLines;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/** Teaches adapters and examines them, with files that {@link ExpertFiles} wrote. */
final class School {
    private static final double NANOS = 1e9;

    private final ApiClient client;
    private final String base;
    private final Path files;
    private final Lessons lessons;
    private final PrintStream out;
    private final Map<String, Exam> exams = new HashMap<>();

    /**
     * How adapters are taught.
     *
     * @param examples that an expert in a skill sees, those of a small file several times
     * @param questions of an exam
     */
    record Lessons(int examples, int questions, int rank, int batchSize, double learningRate) {}

    School(ApiClient client, Path files, Lessons lessons, PrintStream out) throws IOException, InterruptedException {
        this.client = client;
        this.base = client.baseModel();
        this.files = files;
        this.lessons = lessons;
        this.out = out;
    }

    ApiClient client() {
        return client;
    }

    String base() {
        return base;
    }

    /** Trains one adapter on several subjects at once; returns its name. */
    String teach(List<String> subjects, long seed) throws IOException, InterruptedException {
        List<String> lines = new ArrayList<>();
        Random random = new Random(seed);
        for (String subject : subjects) {
            lines.addAll(examples(subject, random));
        }
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", base).put("suffix", subjects.get(0)).put("seed", seed);
        body.put("training_file", client.upload(lines));
        body.putObject("hyperparameters")
                .put("n_epochs", 1)
                .put("n_checkpoints", 0)
                .put("batch_size", lessons.batchSize)
                .put("rank", lessons.rank)
                .put("learning_rate", lessons.learningRate);
        long start = System.nanoTime();
        String adapter = TrainingJob.start(client, body).await(event -> {});
        out.printf(
                Locale.ROOT,
                "seed %d: taught %s, %d examples in %.0f s%n",
                seed,
                String.join(" and ", subjects),
                lines.size(),
                (System.nanoTime() - start) / NANOS);
        return adapter;
    }

    /** All lessons of the language once; of a skill so many as all skills have, all of them before one comes again. */
    private List<String> examples(String subject, Random random) throws IOException {
        List<String> lines = Files.readAllLines(files.resolve(subject + ".train.jsonl"));
        int count = subject.equals(ExpertFiles.LANGUAGE) ? lines.size() : lessons.examples;
        return TrainingLines.repeated(lines, count, random);
    }

    /** The share of a subject's questions that a model answers exactly. */
    double examine(String model, String subject) throws IOException, InterruptedException {
        Exam exam = exams.get(subject);
        if (exam == null) {
            List<String> all = Files.readAllLines(files.resolve(subject + ".test.jsonl"));
            Collections.shuffle(all, new Random(0));
            exam = new Exam(all.subList(0, Math.min(all.size(), lessons.questions)));
            exams.put(subject, exam);
        }
        return exam.exactMatch(client, model);
    }
}
