package io.tandem.loadtest.simulation;

import java.util.Locale;

/** What a load looks like. Rates are shares of what the server can do, so that a profile means the same on any machine. */
public enum Profile {
    STEADY("Evenly spaced requests at half of the capacity", Arrivals.STEADY, Lengths.SHORT, 0.5, 0, 0, 0.9),
    POISSON("Independent requests at half of the capacity", Arrivals.POISSON, Lengths.SHORT, 0.5, 0, 0, 0.9),
    BURSTS(
            "Quiet, and bursts of seven times as much, while a job is fine-tuned",
            Arrivals.BURSTS,
            Lengths.SHORT,
            0.35,
            0,
            1,
            0.7),
    STAIRS(
            "More and more requests, from a quarter of the capacity to one and a half",
            Arrivals.STAIRS,
            Lengths.SHORT,
            1,
            0,
            0,
            0.3),
    LENGTHS(
            "Lengths like those of ShareGPT's conversations, cut to the context",
            Arrivals.POISSON,
            Lengths.SHARE_GPT,
            0.4,
            0,
            0,
            0.8),
    TENANTS(
            "24 adapters, asked for by Zipf's law; the device holds 16 at once",
            Arrivals.POISSON,
            Lengths.SHORT,
            0.3,
            24,
            0,
            0.7),
    FINE_TUNING("Two fine-tuning jobs beside independent requests", Arrivals.POISSON, Lengths.SHORT, 0.4, 0, 2, 0.7),
    CHURN(
            "Adapters that come, answer once and go, every half second, beside 8 that stay",
            Arrivals.POISSON,
            Lengths.SHORT,
            0.3,
            8,
            0,
            0.7),
    OVERLOAD(
            "Twice the capacity; what the server takes on must still be in time, the rest is refused with 429",
            Arrivals.POISSON,
            Lengths.SHORT,
            2,
            0,
            0,
            0.3);

    private final String description;
    private final Arrivals arrivals;
    private final Lengths lengths;
    private final double share;
    private final int adapters;
    private final int jobs;
    private final double goal;

    Profile(String description, Arrivals arrivals, Lengths lengths, double share, int adapters, int jobs, double goal) {
        this.description = description;
        this.arrivals = arrivals;
        this.lengths = lengths;
        this.share = share;
        this.adapters = adapters;
        this.jobs = jobs;
        this.goal = goal;
    }

    Arrivals arrivals() {
        return arrivals;
    }

    Lengths lengths() {
        return lengths;
    }

    /** The share of the server's capacity that requests ask for. */
    double share() {
        return share;
    }

    /** How many adapters requests name; none for the base model. */
    int adapters() {
        return adapters;
    }

    /** How many fine-tuning jobs run beside. */
    int jobs() {
        return jobs;
    }

    /** Whether other adapters come and go. */
    boolean churns() {
        return this == CHURN;
    }

    /** Whether 429 is a right answer. */
    boolean refuses() {
        return this == OVERLOAD;
    }

    String description() {
        return description;
    }

    /** The share of answers that must be inside the SLO. */
    double goal() {
        return goal;
    }

    /** What people type. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
