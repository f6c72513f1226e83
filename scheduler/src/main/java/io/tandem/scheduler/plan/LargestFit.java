package io.tandem.scheduler.plan;

import java.util.function.LongPredicate;

/** Finds how much fits. */
final class LargestFit {
    private LargestFit() {}

    /**
     * The largest number from {@code least} to {@code most} that fits, and {@code least} if none does; {@code most} if
     * that is even less.
     *
     * @param fits true up to some number and false beyond it
     */
    static long find(long least, long most, LongPredicate fits) {
        long low = Math.min(least, most);
        long high = most;
        while (low < high) {
            long middle = (low + high + 1) / 2;
            if (fits.test(middle)) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
