package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.PstMethod;
import java.util.Optional;

/**
 * How sparse PST makes weights (Li et al., 2022): not at all in the first steps, then ever more slowly more, by the cubic schedule
 * of Zhu and Gupta (2017), and as sparse as in the end in the last steps.
 *
 * @param sparsity of each weight in the end, above 0 and below 1
 * @param warmup the part of the job's steps before the first numbers are left out
 * @param hold the part of the job's steps that comes after the last ones were; together less than 1
 */
public record PstPolicy(double sparsity, double warmup, double hold) implements LearningPolicy {
    public static final double DEFAULT_SPARSITY = 0.9;
    public static final double DEFAULT_WARMUP = 0.1;
    public static final double DEFAULT_HOLD = 0.3;

    public PstPolicy {
        if (!(sparsity > 0 && sparsity < 1)) {
            throw new IllegalArgumentException("a sparsity of " + sparsity);
        }
        if (!(warmup >= 0 && hold >= 0 && warmup + hold < 1)) {
            throw new IllegalArgumentException("a warm-up of " + warmup + " and " + hold + " at the end");
        }
    }

    @Override
    public String name() {
        return PstMethod.NAME;
    }

    @Override
    public Optional<String> refusal(PeftMethod method) {
        return method instanceof PstMethod ? Optional.empty() : Optional.of("is a part of '" + PstMethod.NAME + "'");
    }

    @Override
    public boolean leavesTheLast() {
        return true;
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        return step -> LearningPlan.leavingOut(share((step + 1.0) / setting.totalSteps()));
    }

    /** Of each weight when that part of the job is done. */
    private double share(double done) {
        double left = 1 - Math.min(1, Math.max(0, (done - warmup) / (1 - warmup - hold)));
        return sparsity * (1 - left * left * left);
    }
}
