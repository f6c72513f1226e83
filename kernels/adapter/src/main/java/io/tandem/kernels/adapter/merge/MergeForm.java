package io.tandem.kernels.adapter.merge;

/** What a method's arithmetic works on. */
public enum MergeForm {
    /**
     * The change of the weight itself, {@code scaling * B A}. Ranks and scalings may differ, and a sum is the sum of
     * what the adapters do.
     */
    PRODUCT,
    /**
     * A and B one by one, as PEFT does for the names without {@code svd}: cheap and of unchanged rank, but ranks must be
     * equal, and the result has cross terms {@code B_i A_j}. Weight times scaling goes to both factors by its root.
     */
    FACTORS;

    /**
     * The form of a name, {@code product} or {@code factors}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static MergeForm of(String name) {
        return Labels.parse(MergeForm.class, "merge form", name);
    }

    /** The name in requests. */
    public String label() {
        return Labels.of(this);
    }
}
