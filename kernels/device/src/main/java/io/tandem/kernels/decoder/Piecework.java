package io.tandem.kernels.decoder;

import io.tandem.kernels.tensor.Lanes;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;

/**
 * Tasks in order, which can be left and gone on with later. What is done to many things that have nothing to do with each
 * other is shared by the lanes: each takes the next few and computes alone, so what comes of them does not depend on where the
 * work was left.
 */
final class Piecework {
    private final Lanes lanes;
    private final Queue<Task> tasks = new ArrayDeque<>();

    private interface Task {
        /** Goes on until {@link System#nanoTime} says so; returns whether it is done. */
        boolean proceed(long end);
    }

    Piecework(Lanes lanes) {
        this.lanes = lanes;
    }

    /** Adds something that is done at once. What it adds itself comes last. */
    void add(Runnable task) {
        tasks.add(end -> {
            task.run();
            return true;
        });
    }

    /**
     * Adds something that can be left after some of the things.
     *
     * @param few how many a lane does at once, or fewer so that each lane has some
     * @param task does it to the things from the first number up to the second
     */
    void add(int things, int few, BiConsumer<Integer, Integer> task) {
        AtomicInteger next = new AtomicInteger();
        int some = Math.min(few, Math.max(1, things / lanes.count()));
        tasks.add(end -> {
            // All lanes, even for the last thing: with all threads its sums would have another order.
            lanes.share(lanes.count(), (from, to) -> {
                boolean more = true;
                while (more) {
                    int first = next.getAndAdd(some);
                    if (first < things) {
                        task.accept(first, Math.min(first + some, things));
                    }
                    more = first < things && !isOver(end);
                }
            });
            return next.get() >= things;
        });
    }

    private static boolean isOver(long end) {
        return System.nanoTime() - end >= 0;
    }

    /**
     * Goes on for about so long, and does a little in any case.
     *
     * @return whether all is done
     */
    boolean proceed(long nanos) {
        long end = System.nanoTime() + nanos;
        boolean more = !tasks.isEmpty();
        while (more) {
            if (tasks.element().proceed(end)) {
                tasks.remove();
            }
            more = !tasks.isEmpty() && !isOver(end);
        }
        return tasks.isEmpty();
    }

    /** Does all that is left. */
    void finish() {
        proceed(Long.MAX_VALUE);
    }
}
