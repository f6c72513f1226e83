package io.tandem.kernels.adapter.method;

import java.util.OptionalInt;

/**
 * How a method's ranks grow.
 *
 * @param warmup steps before they grow for the first time; a tenth of the job's if empty
 * @param interval steps between two times; if empty, so many that the last ones come when half of the job is over
 */
public record GrowthSettings(OptionalInt warmup, OptionalInt interval) {
    /** As a job of any length can have them. */
    public static final GrowthSettings DEFAULT = new GrowthSettings(OptionalInt.empty(), OptionalInt.empty());

    /** @param steps of the job */
    int warmup(int steps) {
        return warmup.orElse(Math.max(1, steps / 10));
    }

    /**
     * @param steps of the job
     * @param times that ranks can grow
     */
    int interval(int steps, int times) {
        return interval.orElse(Math.max(1, (steps / 2 - warmup(steps)) / Math.max(1, times)));
    }
}
