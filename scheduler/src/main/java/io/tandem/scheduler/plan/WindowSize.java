package io.tandem.scheduler.plan;

import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.PackProgress;
import io.tandem.scheduler.slo.IterationFeatures;

/**
 * How large a pack's next window may be, and what becomes of a plan with it. Sizes are rows while the pack goes forward,
 * and rows times layers while it goes backward.
 *
 * @param freeRows that the iteration has left
 */
record WindowSize(PackProgress pack, int freeRows) {

    private boolean forward() {
        return pack.forwardRows() > 0;
    }

    /** @param maxTokens of a forward window */
    long most(int maxTokens) {
        return forward() ? Math.min(Math.min(pack.forwardRows(), maxTokens), freeRows) : pack.backwardRowLayers();
    }

    /** The size that stands for this many tokens; 0 if the iteration has no room for it. */
    long fixed(int tokens) {
        if (!forward()) {
            return Math.min(pack.backwardRowLayers(), (long) tokens * pack.layers());
        }
        int rows = Math.min(pack.forwardRows(), tokens);
        return rows <= freeRows ? rows : 0;
    }

    /** What sizes are compared by; how a backward window falls on layers is counted when its size is known. */
    IterationFeatures features(IterationFeatures inference, long size) {
        return forward()
                ? inference.withForward((int) size)
                : inference.withBackward(size, Math.toIntExact(1 + size / pack.rows()));
    }

    /** The inference with a window of this size, 1 or more. */
    IterationPlan join(IterationPlan inference, long size) {
        return forward()
                ? inference.with(new TrainingWork((int) size, 0), features(inference.features(), size))
                : inference.with(
                        new TrainingWork(0, size), inference.features().withBackward(size, pack.backwardWindows(size)));
    }
}
