package io.tandem.kernels.model;

/**
 * How the layers of a model share their weights (relaxed recursive transformers, Bae et al., 2024): the first {@code layers /
 * loops} of them are a block that every text goes through again and again. Norms, biases and routers belong to each layer
 * alone, and so do the low-rank factors by which its linears differ from the block's.
 *
 * @param loops how often a text goes through the block, 2 or more
 * @param rank of the factors, where a linear is not smaller; 0 if there are none
 */
public record Recursion(int loops, int rank) {
    public Recursion {
        if (loops < 2 || rank < 0) {
            throw new IllegalArgumentException(loops + " loops with factors of rank " + rank);
        }
    }

    /** The rank of a module's factors. */
    public int rank(ModelConfig model, TargetModule module) {
        return Math.min(rank, Math.min(module.inputs(model), module.outputs(model)));
    }
}
