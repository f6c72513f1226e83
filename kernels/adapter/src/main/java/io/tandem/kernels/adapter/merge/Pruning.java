package io.tandem.kernels.adapter.merge;

/** Which entries of an adapter are set to zero before it is combined with the others. */
enum Pruning {
    NONE,
    /** The smallest by magnitude, per tensor (TIES-Merging, Yadav et al., 2023). */
    MAGNITUDE,
    /** A random share; the rest is divided by the density (DARE, Yu et al., 2024). */
    RANDOM,
    /** Those that lose against the adapter's other entries and against the other adapters (PCB-Merging). */
    COMPETITION
}
