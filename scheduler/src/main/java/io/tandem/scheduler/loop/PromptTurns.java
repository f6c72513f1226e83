package io.tandem.scheduler.loop;

import io.tandem.scheduler.inference.Sequence;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * The order in which prompts run: weighted fair queueing over their tokens (Demers et al., SIGCOMM 1989). A prompt's turn is
 * the virtual time at which it would end if all callers with prompts ran at once, in proportion to their weights. So a short
 * prompt passes the long ones of a caller that has many, prompts of one caller run in the order of admission, and none
 * waits for ever: virtual time goes on with every token.
 */
final class PromptTurns {
    private final ToDoubleFunction<String> weights;
    private double virtualTime;

    PromptTurns(ToDoubleFunction<String> weights) {
        this.weights = weights;
    }

    /** Of a sequence that is about to join those that run. */
    double turn(Sequence newcomer, List<Sequence> running) {
        String caller = newcomer.request().caller();
        double begin = prompts(running)
                .filter(other -> other.request().caller().equals(caller))
                .mapToDouble(Sequence::turn)
                .reduce(virtualTime, Math::max);
        return begin + newcomer.pending() / weights.applyAsDouble(caller);
    }

    /** Prompt tokens run, of those that these sequences have pending. */
    void run(int tokens, List<Sequence> running) {
        if (tokens == 0) {
            return;
        }
        double competing = prompts(running)
                .map(sequence -> sequence.request().caller())
                .distinct()
                .mapToDouble(weights)
                .sum();
        virtualTime += tokens / competing;
    }

    private static Stream<Sequence> prompts(List<Sequence> running) {
        return running.stream().filter(sequence -> !sequence.decoding() && !sequence.bestEffort());
    }
}
