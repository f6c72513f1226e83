package io.tandem.loadtest;

import io.vertx.core.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/**
 * Streaming requests that arrive by chance, independently of each other and of how fast they are answered.
 *
 * @param rate mean arrivals per second
 * @param seconds of arrivals; answers are awaited to their end
 * @param meanTokens of an answer, exponentially distributed between 8 and four times the mean
 * @param seed of gaps and lengths
 */
public record PoissonLoad(double rate, double seconds, int meanTokens, long seed) {
    private static final int MIN_TOKENS = 8;
    private static final double NANOS = 1e9;
    private static final double MILLIS = 1e6;
    private static final List<String> QUESTIONS =
            List.of("Tell me a story about a fox.", "Tell me a story about an owl.", "A story about a bear, please.");

    /**
     * How one request went.
     *
     * @param model that was asked
     * @param tier where the adapter was, as the server says; empty for the base model
     * @param ttftMillis from sending to the first token
     * @param tpotMillis mean gap after the first token
     * @param failed whether it was refused or broken off
     */
    public record Outcome(String model, String tier, double ttftMillis, double tpotMillis, boolean failed) {
        boolean meets(double ttft, double tpot) {
            return !failed && ttftMillis <= ttft && tpotMillis <= tpot;
        }
    }

    /**
     * What a load got.
     *
     * @param tokensPerSecond that came while requests arrived
     */
    public record Result(List<Outcome> outcomes, double tokensPerSecond) {
        /** Share of the requests that met both targets; 1 if there were none. */
        public double attainment(double ttft, double tpot) {
            return outcomes.stream()
                    .mapToDouble(outcome -> outcome.meets(ttft, tpot) ? 1 : 0)
                    .average()
                    .orElse(1);
        }
    }

    Result run(ApiClient client, String model) throws InterruptedException {
        return run(client, () -> model);
    }

    /** @param models which model each request asks, in the order of their arrivals */
    Result run(ApiClient client, Supplier<String> models) throws InterruptedException {
        return run(client, models, 0, () -> {}, () -> {});
    }

    /**
     * Lets requests arrive for a while before those that count.
     *
     * @param opens is called when the seconds that count begin
     * @param closes is called when they end, while the last answers are still on their way
     */
    public Result run(ApiClient client, String model, double warmUpSeconds, Runnable opens, Runnable closes)
            throws InterruptedException {
        return run(client, () -> model, warmUpSeconds, opens, closes);
    }

    private Result run(ApiClient client, Supplier<String> models, double warmUpSeconds, Runnable opens, Runnable closes)
            throws InterruptedException {
        Random random = new Random(seed);
        ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
        LongAdder tokens = new LongAdder();
        long start = System.nanoTime();
        long open = start + (long) (warmUpSeconds * NANOS);
        long end = open + (long) (seconds * NANOS);
        ScheduledFuture<?> opened = clock.schedule(opens, open - start, TimeUnit.NANOSECONDS);
        ScheduledFuture<?> closed = clock.schedule(closes, end - start, TimeUnit.NANOSECONDS);
        List<Future<Outcome>> counted = new ArrayList<>();
        double at = gap(random);
        while (at < warmUpSeconds + seconds) {
            TimeUnit.NANOSECONDS.sleep(start + (long) (at * NANOS) - System.nanoTime());
            int length = (int) Math.min(4.0 * meanTokens, MIN_TOKENS - meanTokens * Math.log(1 - random.nextDouble()));
            String question = QUESTIONS.get(random.nextInt(QUESTIONS.size()));
            String model = models.get();
            Future<Outcome> answer = ask(client, model, question, length, now -> {
                if (now >= open && now < end) {
                    tokens.increment();
                }
            });
            if (at >= warmUpSeconds) {
                counted.add(answer);
            }
            at += gap(random);
        }
        List<Outcome> outcomes = new ArrayList<>();
        try {
            opened.get();
            closed.get();
            for (Future<Outcome> outcome : counted) {
                outcomes.add(outcome.toCompletionStage().toCompletableFuture().get());
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
        clock.shutdown();
        return new Result(outcomes, tokens.sum() / seconds);
    }

    private double gap(Random random) {
        return -Math.log(1 - random.nextDouble()) / rate;
    }

    private static Future<Outcome> ask(
            ApiClient client, String model, String question, int length, LongConsumer token) {
        long sent = System.nanoTime();
        List<Long> times = new ArrayList<>();
        return client.open(model, question, length, now -> {
                    times.add(now);
                    token.accept(now);
                })
                .map(head -> outcome(model, Objects.requireNonNullElse(head.get("X-Adapter-Tier"), ""), sent, times))
                .otherwise(new Outcome(model, "", 0, 0, true));
    }

    private static Outcome outcome(String model, String tier, long sent, List<Long> times) {
        if (times.isEmpty()) {
            return new Outcome(model, tier, 0, 0, true);
        }
        long first = times.get(0);
        long last = times.get(times.size() - 1);
        return new Outcome(
                model, tier, (first - sent) / MILLIS, (last - first) / MILLIS / Math.max(1, times.size() - 1), false);
    }
}
