package io.tandem.scheduler.testing;

import static io.tandem.scheduler.testing.FakeDevice.require;

import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Recursion;
import java.util.Optional;
import java.util.stream.IntStream;

/** The loops of a {@link FakeDevice}, whose rows are as sure after each as their text is random. */
final class FakeLoops {
    /** After how many loops the row at each place left. */
    private final int[][] left;
    /** Loops that each slot's last row has done while it goes on. */
    private final int[] held;

    private int count = 1;

    FakeLoops(int slots, int capacity) {
        this.left = new int[slots][capacity];
        this.held = new int[slots];
    }

    void count(int loops) {
        count = loops;
    }

    ModelConfig.Builder of(ModelConfig.Builder model) {
        return count > 1 ? model.recursion(new Recursion(count, 0)) : model;
    }

    int after(int slot, int at) {
        return left[slot][at];
    }

    /**
     * Decides when a row leaves.
     *
     * @param state of its slot
     */
    int leave(Segment segment, int at, long state) {
        int row = at - segment.start();
        int wanted = segment.exit().map(exit -> exit.loops()[row]).orElse(EarlyExit.NEVER);
        require(wanted == EarlyExit.NEVER || (count > 1 && wanted < count), "a row leaves after " + wanted + " loops");
        int after = wanted;
        if (wanted == EarlyExit.WHEN_SURE) {
            require(row >= segment.tokens().length - segment.samplings().size(), "a row without a draw may leave");
            double threshold = segment.exit().orElseThrow().threshold();
            after = IntStream.range(1, count)
                    .filter(loop -> Math.floorMod(state >>> (8 * loop), 100) >= 100 * threshold)
                    .findFirst()
                    .orElse(EarlyExit.NEVER);
        }
        left[segment.kvSlot()][at] = after;
        return after;
    }

    /** What a segment draws if it goes on with other loops later. */
    Optional<Draw> run(Segment segment, boolean oneLoop) {
        int slot = segment.kvSlot();
        int done = segment.exit().map(EarlyExit::done).orElse(0);
        require(done == 0 || done == held[slot], "a row goes on that was not kept");
        held[slot] = 0;
        if (!oneLoop) {
            return Optional.empty();
        }
        require(count > 1 && segment.tokens().length == 1 && segment.samplings().size() == 1, "no decode row");
        int after = left[slot][segment.start()];
        if (done + 1 < (after == EarlyExit.NEVER ? count : after)) {
            held[slot] = done + 1;
            return Optional.of(Draw.goingOn(done + 1));
        }
        return Optional.empty();
    }
}
