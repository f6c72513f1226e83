package io.tandem.kernels.adapter;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * How a LoRA adapter was configured when it was made; PEFT's {@code LoraConfig} as far as it applies.
 *
 * @param rank PEFT's {@code r}
 * @param alpha PEFT's {@code lora_alpha}
 * @param rankStabilized PEFT's {@code use_rslora}: scaling is {@code alpha / sqrt(rank)} instead of {@code alpha / rank}
 * @param targets the adapted modules of every adapted layer
 * @param layers of a job, PEFT's {@code layers_to_transform}; all if empty
 * @param baseModel PEFT's {@code base_model_name_or_path}; may be empty
 */
public record LoraConfig(
        int rank,
        double alpha,
        boolean rankStabilized,
        Set<TargetModule> targets,
        Set<Integer> layers,
        String baseModel)
        implements AdapterConfig {
    public LoraConfig {
        if (rank < 1) {
            throw new IllegalArgumentException("the rank is " + rank + ", expected 1 or more");
        }
        targets = Set.copyOf(targets);
        layers = Set.copyOf(layers);
    }

    /** Of all layers. */
    public LoraConfig(int rank, double alpha, boolean rankStabilized, Set<TargetModule> targets, String baseModel) {
        this(rank, alpha, rankStabilized, targets, Set.of(), baseModel);
    }

    @Override
    public boolean savesFullModules() {
        return true;
    }

    /** All linears of a layer of Llama. */
    public static Set<TargetModule> allLinears() {
        return EnumSet.of(
                TargetModule.Q_PROJ,
                TargetModule.K_PROJ,
                TargetModule.V_PROJ,
                TargetModule.O_PROJ,
                TargetModule.GATE_PROJ,
                TargetModule.UP_PROJ,
                TargetModule.DOWN_PROJ);
    }

    /** Whatever linears a model has. */
    public static Set<TargetModule> everyLinear() {
        return EnumSet.complementOf(EnumSet.of(TargetModule.ATTENTION, TargetModule.MLP));
    }

    /** That of an adapter: of the targets those that a model has, without layers, which its modules tell. */
    public LoraConfig of(ModelConfig model) {
        return new LoraConfig(rank, alpha, rankStabilized, EnumSet.copyOf(modules(model)), baseModel);
    }

    /** The factor on the product of the factors, for a module of the given rank. */
    public double scaling(int moduleRank) {
        return rankStabilized ? alpha / Math.sqrt(moduleRank) : alpha / moduleRank;
    }

    /** The scaling of the first ranks of a module alone: as if it had no more (DyLoRA, Valipour et al., 2023). */
    public double scaling(LowRank module, int ranks) {
        return module.scaling() * (scaling(ranks) / scaling(module.rank()));
    }

    /** Numbers in each factor of such an adapter where every module has this rank. */
    public LongStream factors(ModelConfig model) {
        return sites(model).stream()
                .map(Adapter.Site::module)
                .flatMapToLong(target ->
                        LongStream.of((long) rank * target.inputs(model), (long) rank * target.outputs(model)));
    }
}
