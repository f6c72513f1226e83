package io.tandem.scheduler.plan;

/**
 * How long a job has waited for a window: the iterations without one since its last.
 *
 * @param iterations their number
 * @param nanos their duration together
 */
public record ServingSpell(int iterations, long nanos) {
    public static final ServingSpell NONE = new ServingSpell(0, 0);

    /** One more iteration without a window. */
    public ServingSpell plus(long durationNanos) {
        return new ServingSpell(iterations + 1, nanos + durationNanos);
    }
}
