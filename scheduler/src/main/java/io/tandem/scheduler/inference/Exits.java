package io.tandem.scheduler.inference;

import io.tandem.kernels.IterationInputs.EarlyExit;
import java.util.Arrays;
import java.util.Optional;

/**
 * After how many loops of a recursive model the tokens of a sequence left it. What runs again after a preemption leaves
 * where it left, so that the text goes on as it would have.
 *
 * <p>Later loops have keys and values of a token that left early which are not those that it has in a prompt, where tokens go
 * through all loops, and so has every token behind it. Nobody else can use these.
 */
public final class Exits {
    private final double threshold;
    /** Virtual tokens and prompt, which go through all loops. */
    private final int promptEnd;
    /** Of the tokens behind the prompt that have run. */
    private int[] loops = {};

    private int whole = Integer.MAX_VALUE;
    /** Loops that the last token has gone through, while nothing is drawn behind it. */
    private int done;

    Exits(double threshold, int promptEnd) {
        this.threshold = threshold;
        this.promptEnd = promptEnd;
    }

    /** What a token gave was drawn. */
    void left(int token, int after) {
        if (token < promptEnd || threshold >= 1) {
            return;
        }
        int at = token - promptEnd;
        if (at >= loops.length) {
            loops = Arrays.copyOf(loops, Math.max(16, 2 * at));
        }
        loops[at] = after;
        if (after != EarlyExit.NEVER) {
            whole = Math.min(whole, token);
        }
    }

    /** How many of the first tokens have the keys and values that they have in any other sequence. */
    int whole() {
        return whole;
    }

    /**
     * For a device.
     *
     * @param first of some tokens
     * @param end of these
     * @param last the one behind which nothing has been drawn yet; those after it are a draft
     * @return empty if all of them go through all loops
     */
    Optional<EarlyExit> of(int first, int end, int last) {
        if (!byLoops()) {
            return Optional.empty();
        }
        int[] own = new int[end - first];
        for (int token = Math.max(first, promptEnd); token < end && threshold < 1; token++) {
            own[token - first] = token < last ? loops[token - promptEnd] : EarlyExit.WHEN_SURE;
        }
        return Optional.of(new EarlyExit(threshold, own, done)).filter(EarlyExit::matters);
    }

    /** The last token has gone through so many loops, and nothing is drawn behind it. */
    public void goOn(int loops) {
        done = loops;
    }

    int done() {
        return done;
    }

    /** Whether it is worth running decode rows loop by loop: they may leave early, or are on their way. */
    public boolean byLoops() {
        return threshold < 1 || done > 0;
    }
}
