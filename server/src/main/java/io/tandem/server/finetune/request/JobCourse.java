package io.tandem.server.finetune.request;

import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.FinetuneConfig;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The fields of a job's hyperparameters that say what happens between its steps.
 *
 * @param checkpoints so many over the whole job
 * @param checkpointEvery steps between two
 * @param evalEvery steps between two measurements of the validation loss; 0 means at both ends only
 * @param patience measurements without gain that end the job; 0 means never
 * @param keepBest whether the result is the adapter with the smallest validation loss
 */
record JobCourse(
        Optional<Integer> checkpoints,
        Optional<Integer> checkpointEvery,
        int evalEvery,
        int patience,
        boolean keepBest) {

    static final Set<String> FIELDS =
            Set.of("n_checkpoints", "checkpoint_every", "eval_every", "early_stopping_patience", "keep_best");

    private static final int MAX_STEPS = 1_000_000;
    private static final int MAX_AUTO_CHECKPOINT_STEPS = 200;

    /**
     * @param validated whether there is something to measure
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static JobCourse parse(JsonBody hyper, boolean validated) {
        JobCourse course = new JobCourse(
                JobSpec.number(hyper, "n_checkpoints", 0, FinetuneConfig.CHECKPOINTS_MAX),
                JobSpec.number(hyper, "checkpoint_every", 1, MAX_STEPS),
                JobSpec.number(hyper, "eval_every", 1, MAX_STEPS).orElse(0),
                hyper.optionalInt("early_stopping_patience", 1, 1000).orElse(0),
                hyper.optionalBoolean("keep_best", false));
        if (course.checkpoints.isPresent() && course.checkpointEvery.isPresent()) {
            throw hyper.invalid("checkpoint_every", "cannot be given together with 'n_checkpoints'.");
        }
        for (String field : List.of("eval_every", "early_stopping_patience", "keep_best")) {
            if (!validated && hyper.find(field) != null) {
                throw hyper.invalid(field, "needs a 'validation_file'.");
            }
        }
        if (course.patience > 0 && course.evalEvery == 0) {
            throw hyper.invalid("early_stopping_patience", "needs 'eval_every'.");
        }
        return course;
    }

    Cadence cadence(int totalSteps) {
        int spread = checkpoints
                .map(n -> n == 0 ? 0 : JobSpec.ceilDiv(totalSteps, n))
                .orElse(Math.min(
                        MAX_AUTO_CHECKPOINT_STEPS, JobSpec.ceilDiv(totalSteps, FinetuneConfig.CHECKPOINTS_MAX)));
        boolean auto = checkpoints.isEmpty() && checkpointEvery.isEmpty();
        return new Cadence(checkpointEvery.orElse(spread), auto, evalEvery, patience, keepBest);
    }
}
