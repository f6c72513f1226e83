package io.tandem.kernels.adapter.merge;

import java.util.OptionalInt;

/**
 * How far a merged change is simplified: to the smallest rank whose error is allowed, and never beyond the largest rank.
 *
 * @param maxRank largest rank of a module; empty leaves it to the method
 * @param maxError Frobenius norm of what may be cut off, relative to that of the whole; 0 cuts nothing of its own accord
 */
public record Truncation(OptionalInt maxRank, double maxError) {
    /** Whatever rank the method leads to. */
    public static final Truncation NONE = new Truncation(OptionalInt.empty(), 0);

    public Truncation {
        if (maxRank.isPresent() && maxRank.getAsInt() < 1) {
            throw new IllegalArgumentException("the merge's rank is " + maxRank.getAsInt() + ", expected 1 or more");
        }
        if (!(maxError >= 0 && maxError < 1)) {
            throw new IllegalArgumentException("the merge's error is " + maxError + ", expected 0 or more, below 1");
        }
    }

    /** No rank larger than the given one. */
    public static Truncation toRank(int maxRank) {
        return new Truncation(OptionalInt.of(maxRank), 0);
    }

    /** No relative error larger than the given one. */
    public static Truncation toError(double maxError) {
        return new Truncation(OptionalInt.empty(), maxError);
    }
}
