package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A segment on its way through a recursive model, and what was drawn where its rows left. */
final class LoopedSegment {
    private final Segment segment;
    private final EarlyExit exit;
    /** After how many loops each row left; {@link EarlyExit#NEVER} if it has not. */
    private final int[] left;
    /** By sampling. */
    private final @Nullable Draw[] drawn;

    LoopedSegment(Segment segment) {
        this.segment = segment;
        this.exit = segment.exit().orElseGet(() -> new EarlyExit(1, new int[segment.tokens().length]));
        this.left = new int[segment.tokens().length];
        this.drawn = new Draw[segment.samplings().size()];
    }

    Segment segment() {
        return segment;
    }

    /** Loops that it has gone through in the iterations before. */
    int done() {
        return exit.done();
    }

    /** The same rows, with what is wanted of them before the last loop: draws, if any of them may leave with one. */
    Segment asked() {
        boolean draws = IntStream.range(left.length - drawn.length, left.length)
                .anyMatch(row -> left[row] == EarlyExit.NEVER && exit.loops()[row] != EarlyExit.NEVER);
        return wanting(draws ? segment.samplings() : List.of());
    }

    /** The same rows, of which nothing is wanted. */
    Segment silent() {
        return wanting(List.of());
    }

    private Segment wanting(List<Sampling> samplings) {
        return new Segment(
                segment.kvSlot(),
                segment.start(),
                segment.tokens(),
                segment.adapterSlots(),
                samplings,
                Optional.empty(),
                false);
    }

    /**
     * Lets rows leave.
     *
     * @param loops that they went through
     * @param draws what was asked
     * @param sure probability of the most likely token in each of these
     */
    void leave(int loops, List<Draw> draws, float[] sure) {
        for (int row = 0; row < left.length; row++) {
            int wanted = exit.loops()[row];
            int draw = row - (left.length - drawn.length);
            boolean leaves = wanted == EarlyExit.WHEN_SURE
                    ? !draws.isEmpty() && sure[draw] >= (float) exit.threshold()
                    : wanted == loops;
            if (leaves && left[row] == EarlyExit.NEVER) {
                left[row] = loops;
                if (draw >= 0) {
                    drawn[draw] = draws.get(draw).after(loops);
                }
            }
        }
    }

    /** Takes what its only row gave behind the last loop. */
    void finish(Draw draw) {
        drawn[0] = draw;
    }

    /** What its only row has given, or that it goes on. */
    Draw drawn() {
        @Nullable Draw own = drawn[0];
        return own == null ? Draw.goingOn(exit.done() + 1) : own;
    }

    /** Whether all rows have left. */
    boolean isOver() {
        return Arrays.stream(left).noneMatch(loops -> loops == EarlyExit.NEVER);
    }

    /** The rows that have. */
    IntStream left() {
        return IntStream.range(0, left.length).filter(row -> left[row] != EarlyExit.NEVER);
    }

    /**
     * What the segments gave together.
     *
     * @param last of those that went through the last loop
     */
    static IterationOutputs join(List<LoopedSegment> segments, IterationOutputs last) {
        Iterator<Draw> rest = last.draws().iterator();
        List<Draw> draws = new ArrayList<>();
        for (LoopedSegment own : segments) {
            for (@Nullable Draw early : own.drawn) {
                if (own.isOver()) {
                    draws.add(Objects.requireNonNull(early));
                } else {
                    Draw late = rest.next();
                    draws.add(early == null ? late : early);
                }
            }
        }
        return new IterationOutputs(
                draws, last.scored(), last.states(), last.observed(), last.scores(), last.learnedTokens());
    }
}
