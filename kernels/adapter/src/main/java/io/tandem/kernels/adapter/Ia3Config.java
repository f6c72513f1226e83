package io.tandem.kernels.adapter;

import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.model.TargetModule;
import java.util.EnumSet;
import java.util.Set;

/**
 * How an (IA)^3 adapter was configured when it was made; PEFT's {@code IA3Config} as far as it applies. Which side of a
 * module is scaled, its {@code feedforward_modules}, each {@link Scale} says itself.
 *
 * @param targets the adapted modules of every adapted layer
 * @param layers of a job, PEFT's {@code layers_to_transform}; all if empty
 * @param baseModel PEFT's {@code base_model_name_or_path}; may be empty
 */
public record Ia3Config(Set<TargetModule> targets, Set<Integer> layers, String baseModel) implements AdapterConfig {
    public Ia3Config {
        targets = Set.copyOf(targets);
        layers = Set.copyOf(layers);
    }

    /** Of all layers. */
    public Ia3Config(Set<TargetModule> targets, String baseModel) {
        this(targets, Set.of(), baseModel);
    }

    /** Keys, values and the input of the down projection, as in the paper, by any name that a model may have for them. */
    public static Set<TargetModule> usualLinears() {
        return EnumSet.of(
                TargetModule.K_PROJ,
                TargetModule.V_PROJ,
                TargetModule.QKV_PROJ,
                TargetModule.DOWN_PROJ,
                TargetModule.EXPERT_DOWN_PROJ,
                TargetModule.EXPERT_W2);
    }

    /** What of a module is scaled unless the configuration says otherwise: the input of a down projection, any other's output. */
    public static Side side(TargetModule module) {
        return switch (module) {
            case DOWN_PROJ, EXPERT_DOWN_PROJ, EXPERT_W2 -> Side.INPUT;
            default -> Side.OUTPUT;
        };
    }

    @Override
    public boolean savesFullModules() {
        return true;
    }

    @Override
    public int rank() {
        return 0;
    }
}
