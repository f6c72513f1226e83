package io.tandem.kernels.adapter.merge;

/**
 * How adapters become one, by PEFT's names for {@code combination_type} and two that PEFT does not have. A name that
 * ends in {@code svd} truncates to the largest rank of the merged adapters unless a rank is given, as in PEFT; the
 * others keep what the sum of the ranks can hold.
 */
public enum MergeMethod {
    /** Weighted sum of the changes (task arithmetic, Ilharco et al., 2023). */
    LINEAR(Pruning.NONE, false, true),
    /** The same sum, said by its way: the factors beside each other. */
    CAT(Pruning.NONE, false, false),
    /** The sum, truncated. */
    SVD(Pruning.NONE, false, false),
    /** Weighted sum of each adapter's largest entries. */
    MAGNITUDE_PRUNE(Pruning.MAGNITUDE, false, true),
    MAGNITUDE_PRUNE_SVD(Pruning.MAGNITUDE, false, false),
    /** Trim, elect a sign per entry, average those who agree with it (TIES-Merging, Yadav et al., 2023). */
    TIES(Pruning.MAGNITUDE, true, true),
    TIES_SVD(Pruning.MAGNITUDE, true, false),
    /** Weighted sum after dropping at random and rescaling (DARE, Yu et al., 2024). */
    DARE_LINEAR(Pruning.RANDOM, false, true),
    DARE_LINEAR_SVD(Pruning.RANDOM, false, false),
    /** Elects signs after dropping at random and rescaling. */
    DARE_TIES(Pruning.RANDOM, true, true),
    DARE_TIES_SVD(Pruning.RANDOM, true, false),
    /** Entries compete inside their adapter and between adapters (PCB-Merging, Du et al., 2024). */
    PCB(Pruning.COMPETITION, false, true),
    /** Outer layers from the first adapter, inner ones from the second (Layer Swapping, Bandarkar et al., 2024). */
    LAYER_SWAP(Pruning.NONE, false, false);

    private final Pruning pruning;
    private final boolean electsSigns;
    private final boolean factorwise;

    MergeMethod(Pruning pruning, boolean electsSigns, boolean factorwise) {
        this.pruning = pruning;
        this.electsSigns = electsSigns;
        this.factorwise = factorwise;
    }

    /**
     * The method of a name such as {@code dare_ties}.
     *
     * @throws IllegalArgumentException if there is none; it lists the methods
     */
    public static MergeMethod of(String name) {
        return Labels.parse(MergeMethod.class, "merge method", name);
    }

    /** The name in requests. */
    public String label() {
        return Labels.of(this);
    }

    /** Whether it keeps a share of the entries, so that it needs a density. */
    public boolean prunes() {
        return pruning != Pruning.NONE;
    }

    /** Whether adapters vote on the sign of each entry. */
    public boolean electsSigns() {
        return electsSigns;
    }

    /** Whether it can work on the factors one by one. */
    public boolean factorwise() {
        return factorwise;
    }

    /** Whether it truncates to the largest rank of its adapters if nobody says otherwise. */
    public boolean truncates() {
        return name().endsWith("SVD");
    }

    Pruning pruning() {
        return pruning;
    }
}
