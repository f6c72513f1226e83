package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.method.PeftMethod;
import java.util.Optional;

/**
 * Knowledge distillation (Hinton et al., 2015): the adapter learns what the server's teacher expects after each token that is to
 * be learned, by {@code KL(teacher || student)}, in place of the token itself. Relaxed recursive models are made as good as their
 * original like this (Bae et al., 2024).
 */
public record TeacherPolicy() implements LearningPolicy {
    public static final String NAME = "teacher";

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
        return method.virtualTokens() == 0
                ? Optional.empty()
                : Optional.of(
                        "compares with a teacher that has no virtual tokens, and '" + method.name() + "' has some");
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        return step -> LearningPlan.TAUGHT;
    }
}
