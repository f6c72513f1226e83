package io.tandem.kernels.adapter.merge;

/**
 * What a merge took away from its adapters, as counts that add up over modules.
 *
 * @param pruned entries that were set to zero
 * @param entries entries that pruning looked at
 * @param disagreeing places where survivors had both signs
 * @param places places that were voted on
 * @param cutSquares squared Frobenius norm of what truncation cut off
 * @param squares squared Frobenius norm before truncation
 */
record Loss(long pruned, long entries, long disagreeing, long places, double cutSquares, double squares) {
    static final Loss NONE = new Loss(0, 0, 0, 0, 0, 0);

    /** Nothing but truncation. */
    static Loss cut(double cutSquares, double squares) {
        return new Loss(0, 0, 0, 0, cutSquares, squares);
    }

    Loss plus(Loss other) {
        return new Loss(
                pruned + other.pruned,
                entries + other.entries,
                disagreeing + other.disagreeing,
                places + other.places,
                cutSquares + other.cutSquares,
                squares + other.squares);
    }

    double prunedShare() {
        return share((double) pruned, (double) entries);
    }

    double disagreeingShare() {
        return share((double) disagreeing, (double) places);
    }

    double truncationError() {
        return Math.sqrt(share(cutSquares, squares));
    }

    private static double share(double part, double whole) {
        return whole == 0 ? 0 : part / whole;
    }
}
