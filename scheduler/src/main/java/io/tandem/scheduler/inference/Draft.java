package io.tandem.scheduler.inference;

/**
 * Tokens that may follow a sequence's last one.
 *
 * @param tokens the nearest first; empty if there is nothing to go by
 * @param first probability that the first is the next token
 * @param others probability of each other one, if all before it are right
 */
public record Draft(int[] tokens, double first, double others) {
    public static final Draft NONE = new Draft(new int[0], 0, 0);

    /** How many of so many tokens are right, on average. */
    public double expected(int count) {
        double sum = 0;
        double right = first;
        for (int i = 0; i < count; i++) {
            sum += right;
            right *= others;
        }
        return sum;
    }
}
