package io.tandem.server.finetune.request;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.finetune.distill.Distillation.Wanted;
import io.tandem.server.finetune.distill.DistilledFile;
import java.util.Set;

/**
 * The method {@code distill} of a job: it learns the file like any other, and then keeps the examples that stand for it.
 *
 * @param wanted of the examples
 * @param examinations how often their losses are measured
 */
public record JobDistillation(Wanted wanted, int examinations) {
    public static final String TYPE = "distill";

    private static final String EXAMPLES = "examples";
    private static final String CLUSTERS = "clusters";
    private static final String CUTOFF = "cutoff";
    private static final String EXAMINATIONS = "examinations";

    /** Beside its hyperparameters. */
    static final Set<String> FIELDS = Set.of(EXAMPLES, CLUSTERS, CUTOFF, EXAMINATIONS);

    private static final int MOST_CLUSTERS = 100;
    private static final double MOST_CUTOFF = 0.9;
    private static final double USUAL_CUTOFF = 0.2;
    private static final int USUAL_EXAMINATIONS = 8;
    private static final int MOST_EXAMINATIONS = 32;

    /** @throws io.tandem.server.api.ApiException naming the field that is wrong */
    static JobDistillation parse(JsonBody method) {
        JsonBody settings = method.optionalObject(TYPE).orElseThrow(() -> method.invalid(TYPE, "is required."));
        int examples = settings.optionalInt(EXAMPLES, 1, DistilledFile.MOST_EXAMPLES)
                .orElseThrow(() -> settings.invalid(EXAMPLES, "is required: it is how many are kept."));
        settings.optionalObject("hyperparameters")
                .filter(hyper -> hyper.find("early_stopping_patience") != null)
                .ifPresent(hyper -> {
                    throw hyper.invalid(
                            "early_stopping_patience", "cannot be given: losses are measured over the whole job.");
                });
        return new JobDistillation(
                new Wanted(
                        examples,
                        settings.optionalInt(CLUSTERS, 1, MOST_CLUSTERS).orElse(MOST_CLUSTERS),
                        settings.optionalNumber(CUTOFF, 0, MOST_CUTOFF).orElse(USUAL_CUTOFF)),
                settings.optionalInt(EXAMINATIONS, 1, MOST_EXAMINATIONS).orElse(USUAL_EXAMINATIONS));
    }

    /** As a client sees it. */
    public ObjectNode shown() {
        return JsonBody.MAPPER
                .createObjectNode()
                .put(EXAMPLES, wanted.examples())
                .put(CLUSTERS, wanted.clusters())
                .put(CUTOFF, wanted.cutoff())
                .put(EXAMINATIONS, examinations);
    }
}
