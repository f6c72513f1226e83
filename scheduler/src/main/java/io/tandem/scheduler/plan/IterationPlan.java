package io.tandem.scheduler.plan;

import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.slo.IterationFeatures;
import java.util.List;
import java.util.Optional;

/**
 * What the next iteration does.
 *
 * @param chunks decode rows first, then prefill
 * @param training a fine-tuning window, if any
 * @param features by which its duration is predicted
 */
public record IterationPlan(List<Chunk> chunks, Optional<TrainingWork> training, IterationFeatures features) {

    /**
     * The next tokens of a sequence.
     *
     * @param tokens how many, without the draft
     * @param draws whether they are all that it has, so that it gets a new token
     * @param draft tokens that may come next and run with them, only if it draws
     */
    public record Chunk(Sequence sequence, int tokens, boolean draws, int[] draft) {
        private static final int[] NO_DRAFT = {};

        static Chunk next(Sequence sequence, int tokens) {
            return new Chunk(sequence, tokens, tokens == sequence.pending(), NO_DRAFT);
        }

        /** Whether it is a decode row of which nothing but the next token is wanted. */
        boolean decodes() {
            return tokens == 1
                    && draws
                    && draft.length == 0
                    && sequence.decoding()
                    && !sequence.request().options().pooled()
                    && sequence.scoring(1).isEmpty()
                    && sequence.observed(1) == 0;
        }

        /** The same with a draft. */
        Chunk with(int[] drafted) {
            return new Chunk(sequence, tokens, draws, drafted);
        }
    }

    /** The same inference with a window. */
    IterationPlan with(TrainingWork work, IterationFeatures all) {
        return new IterationPlan(chunks, Optional.of(work), all);
    }

    /** Whether it may run loop by loop on a recursive model, and there is something to gain. */
    public boolean byLoops() {
        return training.isEmpty()
                && chunks.stream().allMatch(Chunk::decodes)
                && chunks.stream().anyMatch(chunk -> chunk.sequence().exits().byLoops());
    }

    public boolean empty() {
        return chunks.isEmpty() && training.isEmpty();
    }
}
