package io.tandem.scheduler.plan;

import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.scheduler.finetune.FinetuneRun;
import io.tandem.scheduler.slo.IterationFeatures;

/** How large a job's next window may be, and what becomes of a plan with it. */
sealed interface WindowSize {
    /** @param freeRows that the iteration has left */
    static WindowSize of(FinetuneRun run, int freeRows) {
        return run.forward() ? new Forward(run, freeRows) : new Backward(run);
    }

    /** @param maxTokens of a forward window */
    long most(int maxTokens);

    /** The size that stands for this many tokens; 0 if the iteration has no room for it. */
    long fixed(int tokens);

    /** What the iteration is predicted by. */
    IterationFeatures features(IterationFeatures inference, long size);

    /** The inference with a window of this size, 1 or more. */
    IterationPlan join(IterationPlan inference, long size);

    /** Sizes are rows. */
    record Forward(FinetuneRun run, int freeRows) implements WindowSize {
        @Override
        public long most(int maxTokens) {
            return Math.min(Math.min(run.forwardRows(), maxTokens), freeRows);
        }

        @Override
        public long fixed(int tokens) {
            int rows = Math.min(run.forwardRows(), tokens);
            return rows <= freeRows ? rows : 0;
        }

        @Override
        public IterationFeatures features(IterationFeatures inference, long size) {
            return inference.withForward((int) size);
        }

        @Override
        public IterationPlan join(IterationPlan inference, long size) {
            return inference.with(run.forwardWork((int) size), features(inference.features(), size));
        }
    }

    /** Sizes are rows times layers. */
    record Backward(FinetuneRun run) implements WindowSize {
        @Override
        public long most(int maxTokens) {
            return run.backwardRowLayers();
        }

        @Override
        public long fixed(int tokens) {
            return Math.min(run.backwardRowLayers(), (long) tokens * run.layers());
        }

        @Override
        public IterationFeatures features(IterationFeatures inference, long size) {
            return inference.withBackward(size, Math.toIntExact(1 + size / run.rows()));
        }

        @Override
        public IterationPlan join(IterationPlan inference, long size) {
            TrainingWork work = run.backwardWork(size);
            return inference.with(
                    work,
                    inference.features().withBackward(size, work.backward().size()));
        }
    }
}
