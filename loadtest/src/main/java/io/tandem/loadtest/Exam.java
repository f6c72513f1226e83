package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Questions with one right answer each.
 *
 * @param lines chats of a question and its answer, in JSON
 */
public record Exam(List<String> lines) {
    /** Asked at once; a server answers them in shared iterations. */
    private static final int STUDENTS = 24;

    /** The share of greedy answers that are right to the letter. */
    public double exactMatch(ApiClient client, String model) throws IOException, InterruptedException {
        ExecutorService students = Executors.newFixedThreadPool(STUDENTS);
        List<Future<Boolean>> answers = new ArrayList<>();
        for (String line : lines) {
            answers.add(students.submit(() -> right(client, model, line)));
        }
        students.shutdown();
        int right = 0;
        for (Future<Boolean> answer : answers) {
            try {
                right += answer.get() ? 1 : 0;
            } catch (ExecutionException e) {
                throw new IOException("a question was not answered", e);
            }
        }
        return (double) right / lines.size();
    }

    private static boolean right(ApiClient client, String model, String line) throws IOException, InterruptedException {
        JsonNode messages = ApiClient.JSON.readTree(line).path("messages");
        String question = messages.path(0).path("content").asText();
        String expected = messages.path(1).path("content").asText();
        return client.ask(model, question).strip().equals(expected.strip());
    }
}
