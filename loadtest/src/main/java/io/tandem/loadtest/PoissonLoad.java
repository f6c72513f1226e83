package io.tandem.loadtest;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * Streaming requests that arrive by chance, independently of each other and of how fast they are answered.
 *
 * @param rate mean arrivals per second
 * @param seconds of arrivals; answers are awaited to their end
 * @param meanTokens of an answer, exponentially distributed between 8 and four times the mean
 * @param seed of gaps and lengths
 */
record PoissonLoad(double rate, double seconds, int meanTokens, long seed) {
    private static final int MIN_TOKENS = 8;
    private static final double NANOS = 1e9;
    private static final double MILLIS = 1e6;
    private static final List<String> QUESTIONS =
            List.of("Tell me a story about a fox.", "Tell me a story about an owl.", "A story about a bear, please.");

    /**
     * How one request went.
     *
     * @param ttftMillis from sending to the first token
     * @param tpotMillis mean gap after the first token
     * @param failed whether it was refused or broken off
     */
    record Outcome(double ttftMillis, double tpotMillis, boolean failed) {
        boolean meets(double ttft, double tpot) {
            return !failed && ttftMillis <= ttft && tpotMillis <= tpot;
        }
    }

    /**
     * What a load got.
     *
     * @param tokensPerSecond that came while requests arrived
     */
    record Result(List<Outcome> outcomes, double tokensPerSecond) {
        /** Share of the requests that met both targets; 1 if there were none. */
        double attainment(double ttft, double tpot) {
            return outcomes.stream()
                    .mapToDouble(outcome -> outcome.meets(ttft, tpot) ? 1 : 0)
                    .average()
                    .orElse(1);
        }
    }

    Result run(ApiClient client, String model) throws InterruptedException {
        Random random = new Random(seed);
        ExecutorService senders = Executors.newCachedThreadPool();
        LongAdder tokens = new LongAdder();
        long start = System.nanoTime();
        long end = start + (long) (seconds * NANOS);
        List<Future<Outcome>> pending = new ArrayList<>();
        double at = gap(random);
        while (at < seconds) {
            TimeUnit.NANOSECONDS.sleep(start + (long) (at * NANOS) - System.nanoTime());
            int length = (int) Math.min(4.0 * meanTokens, MIN_TOKENS - meanTokens * Math.log(1 - random.nextDouble()));
            String question = QUESTIONS.get(random.nextInt(QUESTIONS.size()));
            pending.add(senders.submit(() -> ask(client, model, question, length, tokens, end)));
            at += gap(random);
        }
        TimeUnit.NANOSECONDS.sleep(end - System.nanoTime());
        double perSecond = tokens.sum() / seconds;
        List<Outcome> outcomes = new ArrayList<>();
        for (Future<Outcome> outcome : pending) {
            try {
                outcomes.add(outcome.get());
            } catch (ExecutionException e) {
                outcomes.add(new Outcome(0, 0, true));
            }
        }
        senders.shutdown();
        return new Result(outcomes, perSecond);
    }

    private double gap(Random random) {
        return -Math.log(1 - random.nextDouble()) / rate;
    }

    private static Outcome ask(ApiClient client, String model, String question, int length, LongAdder tokens, long end)
            throws IOException, InterruptedException {
        long sent = System.nanoTime();
        List<Long> times = new ArrayList<>();
        client.stream(model, question, length, now -> {
            times.add(now);
            if (now < end) {
                tokens.increment();
            }
        });
        if (times.isEmpty()) {
            return new Outcome(0, 0, true);
        }
        long first = times.get(0);
        long last = times.get(times.size() - 1);
        return new Outcome((first - sent) / MILLIS, (last - first) / MILLIS / Math.max(1, times.size() - 1), false);
    }
}
