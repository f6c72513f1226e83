package io.tandem.scheduler.plan;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.List;

/** Sequences as planners meet them. */
final class Running {
    private static final Draw TOKEN = new Draw(1, Float.NaN, new int[0], new float[0]);

    private Running() {}

    /** A prompt that nothing has run of. */
    static Sequence prompt(int tokens, int maxTokens, long arrivalNanos) {
        return prompt(InferenceRequest.SHARED_CALLER, new int[tokens], maxTokens, arrivalNanos);
    }

    /** The same of a caller. */
    static Sequence prompt(String caller, int[] tokens, int maxTokens, long arrivalNanos) {
        InferenceRequest request =
                new InferenceRequest(0, caller, tokens, maxTokens, List.of(), SamplingParams.GREEDY, StopRule.NONE);
        Sequence sequence = new Sequence(request, new RecordingSink(), 1 << 20, arrivalNanos);
        sequence.admit(0, 0, IterationInputs.BASE);
        return sequence;
    }

    /** A prompt that nobody waits for. */
    static Sequence bestEffort(String caller, int tokens) {
        InferenceRequest request =
                new InferenceRequest(0, caller, new int[tokens], 40, List.of(), SamplingParams.GREEDY, StopRule.NONE);
        Sequence sequence = new Sequence(request.asBestEffort(), new RecordingSink(), 1 << 20, 0);
        sequence.admit(0, 0, IterationInputs.BASE);
        return sequence;
    }

    /** An answer of one token over and over, of which the next ones may be drafted. */
    static Sequence repeating(int generated, int maxTokens, long firstTokenNanos) {
        return repeating(InferenceRequest.SHARED_CALLER, generated, maxTokens, firstTokenNanos);
    }

    /** The same of a caller. */
    static Sequence repeating(String caller, int generated, int maxTokens, long firstTokenNanos) {
        Sequence sequence = prompt(caller, new int[10], maxTokens, 0);
        sequence.speculate(8);
        generate(sequence, generated, firstTokenNanos);
        sequence.roomForDraft(true);
        return sequence;
    }

    /** An answer that got all its tokens at once. */
    static Sequence answer(int generated, int maxTokens, long firstTokenNanos) {
        Sequence sequence = prompt(10, maxTokens, 0);
        generate(sequence, generated, firstTokenNanos);
        return sequence;
    }

    /** An answer of a caller that got its tokens at once. */
    static Sequence answer(String caller, int generated, int maxTokens, long tokensNanos) {
        Sequence sequence = prompt(caller, new int[10], maxTokens, 0);
        generate(sequence, generated, tokensNanos);
        return sequence;
    }

    static void generate(Sequence sequence, int tokens, long nowNanos) {
        for (int i = 0; i < tokens; i++) {
            sequence.advance(sequence.pending());
            sequence.timeline().token(nowNanos);
            sequence.append(TOKEN);
        }
    }
}
