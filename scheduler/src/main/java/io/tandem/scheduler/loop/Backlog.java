package io.tandem.scheduler.loop;

import io.tandem.scheduler.inference.Sequence;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * Sequences without slots: those that were preempted, which come back before any other is admitted because their answers
 * have begun, and those that nothing has run of.
 */
final class Backlog {
    private final Deque<Sequence> preempted = new ArrayDeque<>();
    private final FairQueue queue;

    /** @param weights of callers */
    Backlog(ToDoubleFunction<String> weights) {
        this.queue = new FairQueue(weights);
    }

    void add(Sequence sequence) {
        queue.add(sequence);
    }

    /** It was preempted; the last one to lose its slots is the first to get new ones. */
    void comeBack(Sequence sequence) {
        preempted.addFirst(sequence);
    }

    int size() {
        return preempted.size() + queue.size();
    }

    Stream<Sequence> waiting() {
        return Stream.concat(preempted.stream(), queue.waiting());
    }

    /**
     * It got its slots.
     *
     * @param tokens that have to run
     */
    void admitted(Sequence sequence, int tokens) {
        // Whoever was preempted has been charged already, and running again is not what it asked for.
        if (!preempted.remove(sequence)) {
            queue.admitted(sequence, tokens);
        }
    }

    /** Tokens of an admitted prompt need not run after all. */
    void reused(Sequence sequence, int tokens) {
        queue.reused(sequence, tokens);
    }

    /** A running sequence got a token. */
    void served(Sequence sequence) {
        queue.served(sequence);
    }

    /** A caller's job trained. */
    void trained(String caller, double tokens) {
        queue.trained(caller, tokens);
    }

    /** Takes out and returns those that meet the condition. */
    List<Sequence> removeIf(Predicate<Sequence> condition) {
        List<Sequence> removed = preempted.stream().filter(condition).toList();
        preempted.removeAll(removed);
        return Stream.concat(removed.stream(), queue.removeIf(condition).stream())
                .toList();
    }

    /** A look at those who wait now, in the order in which they should be admitted, each once at most. */
    Round round() {
        return new Round(new ArrayDeque<>(preempted), queue.round());
    }

    static final class Round {
        private final Deque<Sequence> first;
        private final FairQueue.Round others;

        private Round(Deque<Sequence> first, FairQueue.Round others) {
            this.first = first;
            this.others = others;
        }

        Optional<Sequence> next() {
            return first.isEmpty() ? others.next() : Optional.of(first.removeFirst());
        }

        /** Names no more requests of a caller. */
        void skip(String caller) {
            first.removeIf(sequence -> sequence.request().caller().equals(caller));
            others.skip(caller);
        }
    }
}
