package io.tandem.kernels.adapter;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.EnumSet;
import java.util.Set;

/**
 * How factors over sparse weights were configured.
 *
 * @param rank of both products
 * @param targets the modules that become sparse
 * @param baseModel that it is trained over; may be empty
 */
public record SparseConfig(int rank, Set<TargetModule> targets, String baseModel) implements AdapterConfig {
    public SparseConfig {
        targets = Set.copyOf(targets);
        if (rank < 1) {
            throw new IllegalArgumentException("a rank of " + rank);
        }
    }

    /** That of an adapter: of the targets those that a model has. */
    public SparseConfig of(ModelConfig model) {
        return new SparseConfig(rank, EnumSet.copyOf(modules(model)), baseModel);
    }
}
