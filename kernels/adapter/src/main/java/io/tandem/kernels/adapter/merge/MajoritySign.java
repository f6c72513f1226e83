package io.tandem.kernels.adapter.merge;

/** How the sign of an entry is elected; a tie elects plus. The vote is before the weights, as in PEFT. */
public enum MajoritySign {
    /** The sign of the sum: larger entries have more to say. */
    TOTAL,
    /** The sign that more adapters have. */
    FREQUENCY;

    /**
     * The vote of a name, {@code total} or {@code frequency}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static MajoritySign of(String name) {
        return Labels.parse(MajoritySign.class, "majority sign method", name);
    }

    double vote(double value) {
        return this == TOTAL ? value : Math.signum(value);
    }
}
