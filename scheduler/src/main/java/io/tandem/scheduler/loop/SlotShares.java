package io.tandem.scheduler.loop;

import io.tandem.scheduler.inference.Sequence;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * Whose running answers make way when slots are short. A caller takes slots from one that holds more of them, in proportion
 * to their weights, than itself would then hold, and that was served no less (max-min fairness). So whoever asks for little
 * waits for nobody's long answer, and no slot goes back and forth: after the exchange the other is not owed one.
 *
 * <p>Best-effort sequences do not count.
 *
 * @param weights of callers
 * @param served weighted tokens that callers were served
 */
record SlotShares(ToDoubleFunction<String> weights, ToDoubleFunction<String> served) {

    /** The sequence that makes way for a newcomer: the youngest of the caller that holds most of those that owe it a slot. */
    Optional<Sequence> giver(List<Sequence> running, Sequence newcomer) {
        String taker = newcomer.request().caller();
        return callers(running)
                .filter(caller -> owes(running, caller, taker))
                .max(Comparator.comparingDouble(caller -> held(running, caller, 0)))
                .flatMap(caller -> youngest(running, caller));
    }

    /** Whether a caller would still hold as much as another after giving it a slot, and was served as much. */
    boolean owes(List<Sequence> running, String giver, String taker) {
        return held(running, giver, -1) >= held(running, taker, 1)
                && served.applyAsDouble(giver) >= served.applyAsDouble(taker);
    }

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
