package io.tandem.loadtest.fuzz;

import io.tandem.loadtest.ServerProcess;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicLong;

/** Sends requests over several connections and collects what is wrong. */
final class FuzzRun implements AutoCloseable {
    /** After so many the server gets back what it has lost. */
    private static final int BATCH = 400;
    /** A connection takes so many attempts at most. */
    private static final int PER_CONNECTION = 20;

    private final ServerProcess server;
    private final World world;
    private final Attempts attempts;
    private final AnswerRules rules;
    private final long limitMillis;
    private final Runnable done;
    private final Map<String, Integer> answers = Collections.synchronizedMap(new TreeMap<>());
    private final List<String> failures = Collections.synchronizedList(new ArrayList<>());
    private final ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor();

    /**
     * @param limitMillis from the beginning of a request to the end of its answer
     * @param done is called after each attempt
     */
    FuzzRun(ServerProcess server, World world, Attempts attempts, AnswerRules rules, long limitMillis, Runnable done) {
        this.server = server;
        this.world = world;
        this.attempts = attempts;
        this.rules = rules;
        this.limitMillis = limitMillis;
        this.done = done;
    }

    /** Sends the attempts with these numbers. */
    void run(long first, long count, int connections) throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(connections);
        try {
            for (long start = first; start < first + count; start += BATCH) {
                world.renew();
                AtomicLong next = new AtomicLong(start);
                long end = Math.min(first + count, start + BATCH);
                List<Future<?>> working = new ArrayList<>();
                for (int i = 0; i < connections; i++) {
                    working.add(clients.submit(() -> work(next, end)));
                }
                for (Future<?> one : working) {
                    one.get();
                }
                if (!server.isAlive()) {
                    failures.add("the server's process has ended between " + start + " and " + end);
                    return;
                }
            }
            world.renew();
        } finally {
            clients.shutdownNow();
        }
    }

    private Void work(AtomicLong next, long end) throws IOException {
        long number = next.getAndIncrement();
        while (number < end) {
            try (RawConnection connection = new RawConnection(URI.create(server.url()), limitMillis, watchdog)) {
                for (int i = 0; i < PER_CONNECTION && number < end && connection.reusable(); i++) {
                    send(connection, number);
                    done.run();
                    number = next.getAndIncrement();
                }
            }
        }
        return null;
    }

    private void send(RawConnection connection, long number) throws IOException {
        Attempt attempt = attempts.get(number);
        try {
            connection.send(attempt.bytes(), !attempt.whole());
        } catch (IOException e) {
            // A server may answer and close before it has read everything; its answer can be read all the same.
            count("not sent");
        }
        try {
            if (attempt.whole()) {
                readAll(connection, number, attempt);
            } else {
                readToEnd(connection, number, attempt);
            }
        } catch (SocketTimeoutException e) {
            fail(number, attempt, "no answer in " + limitMillis + " ms");
            connection.abandon();
        } catch (IOException e) {
            connection.abandon();
            if (attempt.whole()) {
                fail(number, attempt, "no readable answer: " + e.getMessage());
            }
        }
    }

    private void readAll(RawConnection connection, long number, Attempt attempt) throws IOException {
        for (String method : attempt.methods()) {
            Optional<RawAnswer> answer = connection.read(method);
            if (answer.isEmpty()) {
                fail(number, attempt, "closed without an answer");
                return;
            }
            check(method, answer.get(), number, attempt);
            if (!connection.reusable()) {
                return;
            }
        }
    }

    /** The server may answer as often as it likes, but has to close in time. */
    private void readToEnd(RawConnection connection, long number, Attempt attempt) throws IOException {
        for (int i = 0; true; i++) {
            String method = attempt.methods().get(Math.min(i, attempt.methods().size() - 1));
            Optional<RawAnswer> answer = connection.read(method);
            if (answer.isEmpty()) {
                break;
            }
            check(method, answer.get(), number, attempt);
        }
        count("closed");
    }

    private void check(String method, RawAnswer answer, long number, Attempt attempt) {
        count(Integer.toString(answer.status()));
        rules.complaint(method, answer, attempt.version()).ifPresent(complaint -> fail(number, attempt, complaint));
    }

    private void fail(long number, Attempt attempt, String complaint) {
        failures.add("request " + number + ": " + complaint + "\n    " + attempt);
    }

    private void count(String what) {
        answers.merge(what, 1, Integer::sum);
    }

    /** How many answers there were of each status. */
    Map<String, Integer> answers() {
        return answers;
    }

    List<String> failures() {
        return failures;
    }

    @Override
    public void close() {
        watchdog.shutdownNow();
    }
}
