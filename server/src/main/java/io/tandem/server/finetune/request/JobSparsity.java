package io.tandem.server.finetune.request;

import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.learning.PstPolicy;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.PstMethod;
import io.tandem.server.api.JsonBody;
import java.util.Set;

/** The fields of a job's hyperparameters that say how sparse weights become, and when. */
final class JobSparsity {
    private static final String SPARSITY = "sparsity";
    private static final String WARMUP = "sparsity_warmup";
    private static final String HOLD = "sparsity_hold";
    static final Set<String> FIELDS = Set.of(SPARSITY, WARMUP, HOLD);

    private JobSparsity() {}

    /**
     * What learns in the steps of a job that leaves the choice to its method.
     *
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static LearningPolicy policy(JsonBody hyper, PeftMethod method) {
        return method instanceof PstMethod ? schedule(hyper) : LearningPolicy.EVERYTHING;
    }

    private static PstPolicy schedule(JsonBody hyper) {
        double sparsity = hyper.optionalNumber(SPARSITY, 0.01, 0.99).orElse(PstPolicy.DEFAULT_SPARSITY);
        double warmup = hyper.optionalNumber(WARMUP, 0, 0.9).orElse(PstPolicy.DEFAULT_WARMUP);
        double hold = hyper.optionalNumber(HOLD, 0, 0.9).orElse(PstPolicy.DEFAULT_HOLD);
        if (warmup + hold >= 1) {
            throw hyper.invalid(
                    HOLD, "leaves no steps between it and '" + WARMUP + "': together they must be less than 1.");
        }
        return new PstPolicy(sparsity, warmup, hold);
    }
}
