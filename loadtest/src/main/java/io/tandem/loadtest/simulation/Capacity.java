package io.tandem.loadtest.simulation;

import io.tandem.loadtest.ApiClient;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** Finds what a server can do at once: clients that ask again as soon as they have their answer. */
final class Capacity {
    private static final int CLIENTS = 16;
    /** Beyond those of the run, so that no prompt is known when it comes. */
    private static final long FIRST_NUMBER = 1_000_000_000;

    private static final double WARM_UP_SECONDS = 4;
    private static final double SECONDS = 8;
    private static final double NANOS = 1e9;

    private final ApiClient client;
    private final RequestSequence requests;
    private final AtomicLong numbers = new AtomicLong(FIRST_NUMBER);
    private final LongAdder tokens = new LongAdder();

    Capacity(ApiClient client, RequestSequence requests) {
        this.client = client;
        this.requests = requests;
    }

    /** @return tokens of answers per second */
    double tokensPerSecond() throws InterruptedException, ExecutionException {
        long start = System.nanoTime() + (long) (WARM_UP_SECONDS * NANOS);
        long end = start + (long) (SECONDS * NANOS);
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
        List<Future<?>> asking = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            asking.add(clients.submit(() -> {
                while (System.nanoTime() < end) {
                    Answer answer = Answer.of(
                            client, requests.get(numbers.getAndIncrement()).body());
                    if (!answer.complete()) {
                        throw new IllegalStateException("the server does not answer: " + answer.complaint());
                    }
                    tokens.add(answer.tokenNanos().stream()
                            .filter(token -> token >= start && token < end)
                            .count());
                }
                return null;
            }));
        }
        for (Future<?> one : asking) {
            one.get();
        }
        clients.shutdown();
        return tokens.sum() / SECONDS;
    }
}
