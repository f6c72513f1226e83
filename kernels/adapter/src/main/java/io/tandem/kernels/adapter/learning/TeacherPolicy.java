package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.method.PeftMethod;
import java.util.Optional;

/**
 * Knowledge distillation (Hinton et al., 2015): the adapter learns what the server's teacher expects after each token that is to
 * be learned, by {@code KL(teacher || student)}, in place of the token itself. Relaxed recursive models are made as good as their
 * original like this (Bae et al., 2024), and so are their outputs behind each loop, with which tokens may leave early.
 *
 * @param exitWeight of those outputs' divergence, beside that of the last; 0 if they do not learn
 */
public record TeacherPolicy(double exitWeight) implements LearningPolicy {
    public static final String NAME = "teacher";

    public TeacherPolicy {
        if (!(exitWeight >= 0 && exitWeight <= 1)) {
            throw new IllegalArgumentException("a weight of " + exitWeight);
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public boolean goesAlone() {
        return true;
    }

    @Override
    public Optional<String> refusal(PeftMethod method) {
        if (method.virtualTokens() > 0) {
            return Optional.of(
                    "compares with a teacher that has no virtual tokens, and '" + method.name() + "' has some");
        }
        return exitWeight > 0 && method.fullModules().contains(FullModule.LM_HEAD)
                ? Optional.of("has an 'exit_weight', with which the head does not learn")
                : Optional.empty();
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        return step -> LearningPlan.taught(exitWeight);
    }
}
