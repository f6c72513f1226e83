package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An adapter for one skill.
 *
 * @param validation lines of examples that it was not taught
 * @param exam questions that are in no training file
 * @param model its name
 * @param score in its own exam, from 0 to 1
 */
record Expert(String skill, List<String> validation, Exam exam, String model, double score) {
    private static final int VALIDATION_LINES = 50;

    /**
     * How experts are taught, but for the passes over their examples.
     *
     * @param tasks directory with SKILL.train.jsonl and SKILL.test.jsonl
     */
    record Lessons(Path tasks, int rank, int batchSize, double learningRate, long seed) {}

    /** A lesson that has begun. */
    record Pupil(String skill, List<String> validation, Exam exam, TrainingJob job) {
        Expert await() throws IOException, InterruptedException {
            String model = job.await(event -> {});
            return new Expert(skill, validation, exam, model, exam.exactMatch(job.client(), model));
        }
    }

    static Pupil teach(ApiClient client, String base, Lessons lessons, String skill, int epochs)
            throws IOException, InterruptedException {
        List<String> lines = Files.readAllLines(lessons.tasks().resolve(skill + ".train.jsonl"));
        int taught = lines.size() - VALIDATION_LINES;
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", base).put("suffix", skill).put("seed", lessons.seed());
        body.put("training_file", client.upload(lines.subList(0, taught)));
        ObjectNode hyperparameters = body.putObject("hyperparameters");
        hyperparameters.put("n_epochs", epochs).put("batch_size", lessons.batchSize());
        hyperparameters.put("rank", lessons.rank()).put("learning_rate", lessons.learningRate());
        Exam exam = new Exam(Files.readAllLines(lessons.tasks().resolve(skill + ".test.jsonl")));
        return new Pupil(skill, lines.subList(taught, lines.size()), exam, TrainingJob.start(client, body));
    }

    /** Validation lines of several experts, as one file; returns its id. */
    static String uploadValidation(ApiClient client, List<Expert> experts) throws IOException, InterruptedException {
        List<String> lines = new ArrayList<>();
        experts.forEach(expert -> lines.addAll(expert.validation()));
        return client.upload(lines);
    }
}
