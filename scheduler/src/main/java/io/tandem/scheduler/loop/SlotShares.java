package io.tandem.scheduler.loop;

import io.tandem.scheduler.inference.Sequence;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * Who makes way when slots are short. A caller that holds many times as many slots as another, in proportion to their
 * weights, owes it one: its youngest answer loses its slot if there is no other. So that this is rare, it leaves one free for
 * those that came lately and hold few. Whoever asks for little waits for nobody's long answer then, and between those that
 * ask for equally much no slot goes back and forth.
 *
 * <p>Best-effort sequences do not count.
 */
final class SlotShares {
    /** Without the slot, who owes it still has so many times as many as the other has with it. */
    private static final int FACTOR = 3;
    /** How long a slot stays free for who came last. */
    private static final long LATELY_NANOS = 10_000_000_000L;
    /** The latest; for one that is forgotten no slot is left free, so it may have to take one. */
    private static final int MAX_REMEMBERED_CALLERS = 64;

    private final ToDoubleFunction<String> weights;
    /** When callers came last, the latest at the end. */
    private final Map<String, Long> visits = new LinkedHashMap<>();

    /** @param weights of callers */
    SlotShares(ToDoubleFunction<String> weights) {
        this.weights = weights;
    }

    void came(Sequence sequence) {
        String caller = sequence.request().caller();
        visits.remove(caller);
        visits.put(caller, sequence.timeline().arrival());
        if (visits.size() > MAX_REMEMBERED_CALLERS) {
            visits.remove(visits.keySet().iterator().next());
        }
    }

    /** Whether a caller has to leave a slot free for somebody who may come. */
    boolean leavesOne(List<Sequence> running, String caller, long nowNanos) {
        visits.values().removeIf(at -> nowNanos - at > LATELY_NANOS);
        return visits.keySet().stream().anyMatch(other -> owes(running, caller, other));
    }

    /** The sequence that makes way for a newcomer: the youngest of the caller that holds most of those that owe it a slot. */
    Optional<Sequence> giver(List<Sequence> running, Sequence newcomer) {
        String taker = newcomer.request().caller();
        return callers(running)
                .filter(caller -> owes(running, caller, taker))
                .max(Comparator.comparingDouble(caller -> held(running, caller, 0)))
                .flatMap(caller -> youngest(running, caller));
    }

    /** Whether a caller owes another a slot. */
    boolean owes(List<Sequence> running, String giver, String taker) {
        return held(running, giver, -1) >= FACTOR * held(running, taker, 1);
    }

    /** Whether a caller has a slot. */
    boolean holdsAny(List<Sequence> running, String caller) {
        return of(running, caller).findAny().isPresent();
    }

    /** The youngest sequence of the caller that holds most; of several callers that do, the youngest of all. */
    Optional<Sequence> youngestOfLargest(List<Sequence> running) {
        double most = callers(running)
                .mapToDouble(caller -> held(running, caller, 0))
                .max()
                .orElse(0);
        return interactive(running)
                .filter(sequence -> held(running, sequence.request().caller(), 0) == most)
                .reduce((older, younger) -> younger);
    }

    /** Slots over the weight, if there were some more. */
    private double held(List<Sequence> running, String caller, int more) {
        return (of(running, caller).count() + more) / weights.applyAsDouble(caller);
    }

    private static Optional<Sequence> youngest(List<Sequence> running, String caller) {
        return of(running, caller).reduce((older, younger) -> younger);
    }

    private static Stream<String> callers(List<Sequence> running) {
        return interactive(running).map(sequence -> sequence.request().caller()).distinct();
    }

    private static Stream<Sequence> of(List<Sequence> running, String caller) {
        return interactive(running)
                .filter(sequence -> sequence.request().caller().equals(caller));
    }

    private static Stream<Sequence> interactive(List<Sequence> running) {
        return running.stream().filter(sequence -> !sequence.bestEffort());
    }
}
