package io.tandem.kernels.model;

import java.util.List;

/**
 * A mixture of experts in place of the MLP of every layer. Each expert is as wide as {@link ModelConfig#ffn} says.
 *
 * @param count how many there are
 * @param active how many a token goes through: those that the router rates highest
 * @param shared whether their ratings are divided by their sum
 * @param modules gate, up and down of an expert
 */
public record Experts(int count, int active, boolean shared, List<TargetModule> modules) {
    public Experts {
        modules = List.copyOf(modules);
    }

    /** Where a layer keeps them and their router, for example {@code mlp}. */
    public String parent() {
        String experts = modules.get(0).parent();
        return experts.substring(0, experts.lastIndexOf('.'));
    }
}
