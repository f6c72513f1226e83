package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Recursion;
import java.util.BitSet;
import java.util.List;

/** Refuses what would read or write outside of what was reserved; libtorch checks some of it, and far too late. */
final class IterationCheck {
    private IterationCheck() {}

    /**
     * Refuses adapter slots that there are not, and to observe layers that are skipped.
     *
     * @param segments of one iteration
     */
    static void check(List<Segment> segments, AdapterSlots adapters) {
        for (Segment segment : segments) {
            for (int slot : segment.adapterSlots()) {
                inside("adapter slot", slot, 0, adapters.count());
            }
            if (segment.observed() > 0
                    && !adapters.skipped(segment.adapterSlots()).isEmpty()) {
                throw new IllegalArgumentException("the inputs of layers that a segment skips cannot be observed");
            }
        }
    }

    /** @param parts of one iteration with these segments */
    static void check(
            List<Segment> segments, List<RowEncoder> parts, ModelConfig model, KernelsConfig limits, PackRows pack) {
        int tokens = parts.stream().mapToInt(rows -> rows.tokens.length).sum();
        if (tokens > limits.maxTokensPerIteration()) {
            throw new IllegalArgumentException("an iteration of " + tokens
                    + " tokens, kernels.max-tokens-per-iteration is " + limits.maxTokensPerIteration());
        }
        parts.forEach(rows -> check(rows, model, limits, pack));
        for (Segment segment : segments) {
            segment.scoring().ifPresent(scoring -> check(segment, scoring, model.vocab()));
            inside("number of observed tokens", segment.observed(), 0, segment.tokens().length + 1);
            inside("number of draws", segment.samplings().size(), 0, segment.tokens().length + 1);
            segment.exit().ifPresent(exit -> check(segment, exit, model));
            for (Sampling sampling : segment.samplings()) {
                sampling.allowed().ifPresent(allowed -> check(allowed, model.vocab()));
            }
        }
    }

    private static void check(Segment segment, Scoring scoring, int vocab) {
        inside("first scored token", scoring.first(), 0, segment.tokens().length);
        inside("last scored token", scoring.first() + scoring.next().length, 0, segment.tokens().length + 1);
        for (int token : scoring.next()) {
            inside("scored token", token, 0, vocab);
        }
    }

    private static void check(Segment segment, EarlyExit exit, ModelConfig model) {
        int tokens = segment.tokens().length;
        int loops = model.recursion().map(Recursion::loops).orElse(1);
        inside("number of rows with an exit", exit.loops().length, tokens, tokens + 1);
        inside("loops done", exit.done(), 0, tokens == 1 ? loops : 1);
        for (int row = 0; row < tokens; row++) {
            int own = exit.loops()[row];
            inside("loops of a row", own, row < tokens - segment.samplings().size() ? 0 : -1, loops);
            if (own != EarlyExit.NEVER && (loops == 1 || staysFor(segment, row))) {
                throw new IllegalArgumentException("row " + row + " of a segment cannot leave early: "
                        + (loops == 1 ? "the model has no loops" : "it is scored, pooled or observed"));
            }
        }
    }

    private static boolean staysFor(Segment segment, int row) {
        int tokens = segment.tokens().length;
        boolean scored = segment.scoring()
                .filter(own -> row >= own.first() && row < own.first() + own.next().length)
                .isPresent();
        return scored || (segment.pooled() && row == tokens - 1) || row >= tokens - segment.observed();
    }

    private static void check(RowEncoder rows, ModelConfig model, KernelsConfig limits, PackRows pack) {
        long cacheRows = (long) limits.kvSlots() * limits.contextTokens();
        for (int row = 0; row < rows.tokens.length; row++) {
            inside("token", rows.tokens[row], 0, model.vocab());
            inside("position", rows.positions[row], 0, limits.contextTokens());
            inside("row of the KV cache", rows.cacheRows[row], 0, cacheRows);
        }
        inside("last row of the window", rows.windowFrom + rows.tokens.length - rows.inferenceRows, 0, pack.rows() + 1);
    }

    private static void check(long[] allowed, int vocab) {
        BitSet tokens = BitSet.valueOf(allowed);
        inside("number of words of allowed tokens", allowed.length, Sampling.words(vocab), Sampling.words(vocab) + 1);
        inside("last allowed token", tokens.length() - 1, 0, vocab);
    }

    private static void inside(String what, long found, long from, long to) {
        if (found < from || found >= to) {
            throw new IllegalArgumentException(what + " " + found + ", expected " + from + " to " + (to - 1));
        }
    }
}
