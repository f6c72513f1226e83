package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import java.util.Optional;

/**
 * Light-PEFT's early pruning (Gu et al., 2024) of modules and ranks of a LoRA adapter: a short phase at the beginning of the job
 * estimates how much each matters, then those that matter least are left out, and the rest learns on. The paper prunes the
 * base model too; here that is shared by all adapters and stays whole.
 *
 * @param moduleSparsity the share of the modules that is left out, 0 or more and below 1
 * @param sparsity the share of the ranks of all other modules together that is left out, 0 or more and below 1
 * @param estimation the part of the job's steps that is over when that happens, above 0 and below 1
 */
public record LightPeftPolicy(double moduleSparsity, double sparsity, double estimation) implements LearningPolicy {
    public static final String NAME = "light_peft";
    public static final double DEFAULT_MODULE_SPARSITY = 0.75;
    public static final double DEFAULT_SPARSITY = 0.5;
    public static final double DEFAULT_ESTIMATION = 0.1;

    public LightPeftPolicy {
        require(moduleSparsity >= 0 && moduleSparsity < 1, "module sparsity", moduleSparsity);
        require(sparsity >= 0 && sparsity < 1, "sparsity", sparsity);
        require(estimation > 0 && estimation < 1, "estimation", estimation);
    }

    private static void require(boolean holds, String name, double found) {
        if (!holds) {
            throw new IllegalArgumentException("a " + name + " of " + found);
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Optional<String> refusal(PeftMethod method) {
        return method instanceof LoraMethod
                ? Optional.empty()
                : Optional.of("prunes modules and ranks of plain LoRA, which '" + method.name()
                        + "' with these settings is not");
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        return new LightPeftRun(this, setting, from);
    }
}
