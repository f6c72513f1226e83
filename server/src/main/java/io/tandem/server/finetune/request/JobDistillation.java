package io.tandem.server.finetune.request;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.finetune.distill.Distillation.Hardness;
import io.tandem.server.finetune.distill.Distillation.Wanted;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.writing.WrittenFile;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The method {@code distill} of a job: it learns the file like any other, and then keeps the examples that stand for it.
 *
 * @param wanted of the examples
 * @param examinations how often their losses are measured while the job learns
 * @param written whether what it has learned writes examples of its own to choose from; then it learns whole chats, and examines
 *     nothing meanwhile
 */
public record JobDistillation(Wanted wanted, int examinations, boolean written) {
    public static final String TYPE = "distill";

    private static final String EXAMPLES = "examples";
    private static final String CLUSTERS = "clusters";
    private static final String CUTOFF = "cutoff";
    private static final String EXAMINATIONS = "examinations";
    private static final String TEXTS = "texts";
    private static final String SELECTED = "selected";
    private static final String WRITTEN = "written";

    /** Beside its hyperparameters. */
    static final Set<String> FIELDS = Set.of(EXAMPLES, CLUSTERS, CUTOFF, EXAMINATIONS, TEXTS);

    private static final int MOST_CLUSTERS = 100;
    private static final double MOST_CUTOFF = 0.9;
    private static final double USUAL_CUTOFF = 0.2;
    /** Of what is written more is wrong. */
    private static final double USUAL_WRITTEN_CUTOFF = 0.5;

    private static final int USUAL_EXAMINATIONS = 8;
    private static final int MOST_EXAMINATIONS = 32;

    /**
     * @param hyper of the job, wherever the request has them
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static JobDistillation parse(JsonBody method, JsonBody hyper) {
        JsonBody settings = method.optionalObject(TYPE).orElseThrow(() -> method.invalid(TYPE, "is required."));
        int examples = settings.optionalInt(EXAMPLES, 1, DistilledFile.MOST_EXAMPLES)
                .orElseThrow(() -> settings.invalid(EXAMPLES, "is required: it is how many are kept."));
        if (hyper.find("early_stopping_patience") != null) {
            throw hyper.invalid("early_stopping_patience", "cannot be given: losses are measured over the whole job.");
        }
        boolean written = written(settings);
        if (written) {
            requireWritable(settings, hyper, examples);
        }
        OptionalInt examinations = settings.optionalInt(EXAMINATIONS, 1, MOST_EXAMINATIONS);
        return new JobDistillation(
                new Wanted(
                        examples,
                        settings.optionalInt(CLUSTERS, 1, MOST_CLUSTERS).orElse(MOST_CLUSTERS),
                        settings.optionalNumber(CUTOFF, 0, MOST_CUTOFF)
                                .orElse(written ? USUAL_WRITTEN_CUTOFF : USUAL_CUTOFF),
                        written ? Hardness.AT_THE_END : Hardness.ALL_ALONG),
                written ? 0 : examinations.orElse(USUAL_EXAMINATIONS),
                written);
    }

    private static boolean written(JsonBody settings) {
        String texts = settings.optionalString(TEXTS, 16).orElse(SELECTED);
        if (!texts.equals(SELECTED) && !texts.equals(WRITTEN)) {
            throw settings.invalid(TEXTS, "must be selected or written.");
        }
        return texts.equals(WRITTEN);
    }

    private static void requireWritable(JsonBody settings, JsonBody hyper, int examples) {
        if (examples > WrittenFile.MOST_EXAMPLES) {
            throw settings.invalid(
                    EXAMPLES, "must be at most " + WrittenFile.MOST_EXAMPLES + " if the examples are written.");
        }
        if (settings.find(EXAMINATIONS) != null) {
            throw settings.invalid(
                    EXAMINATIONS, "cannot be given: examples that are written are measured when the job has learned.");
        }
        if (hyper.optionalBoolean("mask_history", false)) {
            throw hyper.invalid(
                    "mask_history", "cannot be true: whole chats are learned, so that they can be written.");
        }
        if (hyper.find("invocation_tokens") != null) {
            throw hyper.invalid(
                    "invocation_tokens",
                    "cannot be given: what users say comes before the adapter acts, so it cannot write it.");
        }
    }

    /** As a client sees it. */
    public ObjectNode shown() {
        ObjectNode shown = JsonBody.MAPPER
                .createObjectNode()
                .put(EXAMPLES, wanted.examples())
                .put(CLUSTERS, wanted.clusters())
                .put(CUTOFF, wanted.cutoff())
                .put(TEXTS, written ? WRITTEN : SELECTED);
        return written ? shown : shown.put(EXAMINATIONS, examinations);
    }
}
