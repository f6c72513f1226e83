package io.tandem.loadtest.simulation;

import static io.gatling.javaapi.core.CoreDsl.constantUsersPerSec;

import io.gatling.javaapi.core.OpenInjectionStep;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** When requests come; they do not wait for each other. */
public enum Arrivals {
    /** Evenly spaced. */
    STEADY,
    /** Independent of each other. */
    POISSON,
    /** Quiet, and three times in between seven times as much. */
    BURSTS,
    /** More and more. */
    STAIRS;

    /** Of the mean rate, in steps of the same length. */
    private double[] shares() {
        return switch (this) {
            case STEADY, POISSON -> new double[] {1};
            case BURSTS -> new double[] {0.4, 0.4, 0.4, 2.8, 0.4, 0.4, 0.4, 2.8, 0.4, 0.4, 0.4, 2.8, 0.4};
            case STAIRS -> new double[] {0.25, 0.5, 0.75, 1, 1.25, 1.5};
        };
    }

    /**
     * @param rate mean requests per second, more or less
     * @param seconds of all steps together
     */
    List<OpenInjectionStep> steps(double rate, double seconds) {
        double[] shares = shares();
        Duration each = Duration.ofMillis(Math.round(1000 * seconds / shares.length));
        List<OpenInjectionStep> steps = new ArrayList<>();
        for (double share : shares) {
            var constant = constantUsersPerSec(share * rate).during(each);
            steps.add(this == STEADY ? constant : constant.randomized());
        }
        return steps;
    }
}
