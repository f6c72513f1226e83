package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.finetune.distill.Distillation;
import java.util.Set;

/**
 * The method {@code distill} of a job: it learns the file like any other, and then keeps the examples that stand for it.
 *
 * @param examples that are kept
 * @param clusters most clusters of loss trajectories, each of which gives as many
 * @param examinations how often the losses are measured
 */
record JobDistillation(int examples, int clusters, int examinations) {
    static final String TYPE = "distill";

    /** Beside its hyperparameters. */
    static final Set<String> FIELDS = Set.of("examples", "clusters", "examinations");

    /** Of a file that can be distilled, since all of their losses are kept with each checkpoint. */
    static final int MOST_EXAMPLES = 100_000;

    private static final int MOST_CLUSTERS = 100;
    private static final int USUAL_EXAMINATIONS = 8;
    private static final int MOST_EXAMINATIONS = 32;

    /** @throws io.tandem.server.api.ApiException naming the field that is wrong */
    static JobDistillation parse(JsonBody method) {
        JsonBody settings = method.optionalObject(TYPE).orElseThrow(() -> method.invalid(TYPE, "is required."));
        int examples = settings.optionalInt("examples", 1, MOST_EXAMPLES)
                .orElseThrow(() -> settings.invalid("examples", "is required: it is how many are kept."));
        settings.optionalObject("hyperparameters")
                .filter(hyper -> hyper.find("early_stopping_patience") != null)
                .ifPresent(hyper -> {
                    throw hyper.invalid(
                            "early_stopping_patience", "cannot be given: losses are measured over the whole job.");
                });
        return new JobDistillation(
                examples,
                settings.optionalInt("clusters", 1, MOST_CLUSTERS).orElse(MOST_CLUSTERS),
                settings.optionalInt("examinations", 1, MOST_EXAMINATIONS).orElse(USUAL_EXAMINATIONS));
    }

    /** @param trajectories of each example */
    Distillation of(double[][] trajectories, long seed) {
        return Distillation.of(trajectories, examples, Math.min(clusters, examples), seed);
    }

    /** As a client sees it. */
    ObjectNode shown() {
        return JsonBody.MAPPER
                .createObjectNode()
                .put("examples", examples)
                .put("clusters", clusters)
                .put("examinations", examinations);
    }
}
