package io.tandem.loadtest.tenant;

import io.tandem.loadtest.ApiClient;
import io.vertx.core.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * A tenant that asks one short question after the other, as often however long its answers take. No two questions begin
 * alike, so that nothing of them is cached.
 */
final class QuietTenant {
    private static final double NANOS = 1e9;
    private static final double MILLIS = 1e6;
    private static final String QUESTION =
            " is the number of this story. There was a fox who lived in the forest. One day it was very hungry and"
                    + " walked to the river. Tell me what happened then, please.";

    private final ApiClient client;
    private final String model;
    private final double rate;
    private final int answerTokens;
    private int asked;

    /** @param rate of its requests per second */
    QuietTenant(ApiClient client, String model, double rate, int answerTokens) {
        this.client = client;
        this.model = model;
        this.rate = rate;
        this.answerTokens = answerTokens;
    }

    /**
     * How a request went.
     *
     * @param ttftMillis from sending to the first token; NaN if there was none
     * @param tpotMillis mean time per token after the first
     */
    record Answer(double ttftMillis, double tpotMillis) {
        private static final Answer FAILED = new Answer(Double.NaN, Double.NaN);

        boolean failed() {
            return Double.isNaN(ttftMillis);
        }
    }

    /** Asks for so long, and waits for the last answer. */
    List<Answer> ask(double seconds) throws InterruptedException {
        long start = System.nanoTime();
        List<Future<Answer>> answers = new ArrayList<>();
        for (int i = 0; i < rate * seconds; i++) {
            TimeUnit.NANOSECONDS.sleep(start + (long) (i / rate * NANOS) - System.nanoTime());
            answers.add(ask());
        }
        List<Answer> all = new ArrayList<>();
        try {
            for (Future<Answer> answer : answers) {
                all.add(answer.toCompletionStage().toCompletableFuture().get());
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
        return all;
    }

    private Future<Answer> ask() {
        List<Long> times = new ArrayList<>();
        String question = asked++ + QUESTION;
        long sent = System.nanoTime();
        return client.open(model, question, answerTokens, times::add)
                .map(head -> answer(sent, times))
                .otherwise(Answer.FAILED);
    }

    private static Answer answer(long sent, List<Long> times) {
        if (times.isEmpty()) {
            return Answer.FAILED;
        }
        long first = times.get(0);
        long last = times.get(times.size() - 1);
        return new Answer((first - sent) / MILLIS, (last - first) / MILLIS / Math.max(1, times.size() - 1));
    }
}
