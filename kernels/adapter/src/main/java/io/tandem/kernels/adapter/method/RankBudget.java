package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Core.Ranks;

/**
 * How many ranks the modules of an adapter may have: each starts with a few, and all together get as many as if each had the
 * average.
 *
 * @param average of all modules when the last ranks were given
 * @param first of each module
 * @param step that a module grows by
 */
record RankBudget(int average, int first, int step) {
    /** The most ranks of one module: up to twice the average. */
    int room() {
        return first + (2 * average - first) / step * step;
    }

    /** How many steps are left for so many modules that have so many ranks together. */
    int left(int modules, int ranks) {
        return Math.max(0, (average * modules - ranks) / step);
    }

    /** @throws IllegalArgumentException if no module can have so many ranks */
    void require(int used) {
        if (used < first || used > room() || (used - first) % step != 0) {
            throw new IllegalArgumentException(
                    "a module has " + used + " ranks, expected " + first + " to " + room() + " in steps of " + step);
        }
    }

    /** @param ahead whether ranks that come next learn already */
    Ranks of(int used, boolean ahead) {
        return new Ranks(used, first, step, ahead ? Math.min(step, room() - used) : 0);
    }
}
