package io.tandem.kernels.model;

import java.util.List;

/**
 * A linear as the device multiplies it: modules with the same input, their rows one after the other.
 *
 * @param expert whose modules they are, -1 if they belong to the layer
 */
public record JoinedLinear(List<TargetModule> modules, int expert) {
    public JoinedLinear {
        modules = List.copyOf(modules);
    }

    public int inputs(ModelConfig model) {
        return modules.get(0).inputs(model);
    }

    public int outputs(ModelConfig model) {
        return modules.stream().mapToInt(module -> module.outputs(model)).sum();
    }

    /** In its weight. */
    public long numbers(ModelConfig model) {
        return (long) inputs(model) * outputs(model);
    }
}
