package io.tandem.kernels.tensor;

import ai.djl.pytorch.jni.JniUtils;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/**
 * Threads for parts of an iteration that have nothing to do with each other, the owner's own and others beside it. Each
 * computes alone: two threads that meet after every operation of microseconds wait most of the time, two that meet once
 * in an iteration do not.
 */
public final class Lanes implements AutoCloseable {
    private final int count;
    private final int threads;
    private final ExecutorService others;

    /**
     * @param count lanes there can be
     * @param threads of the owner's operations while no lanes run
     */
    public Lanes(int count, int threads) {
        this.count = count;
        this.threads = threads;
        this.others = Executors.newFixedThreadPool(Math.max(1, count - 1), task -> {
            Thread thread = new Thread(
                    () -> {
                        JniUtils.setNumThreads(1);
                        task.run();
                    },
                    "engine-lane");
            thread.setDaemon(true);
            return thread;
        });
    }

    public int count() {
        return count;
    }

    /**
     * Shares things out to all lanes, as ranges of about the same length.
     *
     * @param part runs the things from the first number up to the second
     * @throws RuntimeException what one of them throws, when all are done
     */
    public void share(int things, BiConsumer<Integer, Integer> part) {
        List<Supplier<Integer>> parts = new ArrayList<>();
        for (int lane = 0; lane < count; lane++) {
            int from = things * lane / count;
            int to = things * (lane + 1) / count;
            if (to > from) {
                parts.add(() -> {
                    part.accept(from, to);
                    return to;
                });
            }
        }
        if (parts.size() > 1) {
            together(parts);
        } else {
            inTurn(parts);
        }
    }

    /** Runs parts one after the other on this thread. */
    public <T> List<T> inTurn(List<Supplier<T>> parts) {
        JniUtils.setNumThreads(threads);
        return parts.stream().map(Supplier::get).toList();
    }

    /**
     * Runs parts at once, the first on this thread.
     *
     * @return what they return, in their order, when all are done
     * @throws RuntimeException what one of them throws, when all are done
     */
    public <T> List<T> together(List<Supplier<T>> parts) {
        JniUtils.setNumThreads(1);
        List<CompletableFuture<T>> running = new ArrayList<>();
        try {
            for (Supplier<T> part : parts.subList(1, parts.size())) {
                running.add(CompletableFuture.supplyAsync(part, others));
            }
            running.add(0, CompletableFuture.completedFuture(parts.get(0).get()));
            return running.stream().map(CompletableFuture::join).toList();
        } catch (CompletionException e) {
            throw NativeEngine.cause(e);
        } finally {
            // Nobody may touch what a lane still works on.
            running.forEach(part -> part.exceptionally(failure -> null).join());
        }
    }

    @Override
    public void close() {
        others.shutdown();
    }
}
