package io.tandem.server.finetune.request;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.finetune.search.Configuration;
import io.tandem.server.finetune.search.Halving;
import io.tandem.server.finetune.search.SearchSpace;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The method {@code search} of a job: its trials are jobs like others, which differ in the searched hyperparameters.
 *
 * @param body the request
 * @param hyper what all trials have in common
 * @param space what they differ in
 * @param halving how long they are trained
 * @param preferences whether they learn preferences
 */
public record JobSearch(JsonBody body, JsonBody hyper, SearchSpace space, Halving halving, boolean preferences) {
    public static final String TYPE = "search";
    private static final String HYPERPARAMETERS = "hyperparameters";
    private static final String OBJECTIVE = "objective";
    private static final String EPOCHS = "n_epochs";
    private static final String SCHEDULE = "schedule";
    private static final String CHECKPOINTS = "n_checkpoints";
    private static final int USUAL_TRIALS = 16;
    private static final int MOST_TRIALS = 64;
    private static final int USUAL_EPOCHS = 8;

    /** A trial that goes on in a later rung must not have slowed down already, and is measured when a rung ends. */
    private static final List<String> DECIDED = List.of(
            SCHEDULE,
            CHECKPOINTS,
            "checkpoint_every",
            "eval_every",
            "early_stopping_patience",
            "keep_best",
            "learning_rate_multiplier");

    /**
     * The search that a request asks for; empty if it asks for another method.
     *
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static Optional<JobSearch> of(JsonBody body) {
        return body.optionalObject("method")
                .filter(method ->
                        method.optionalString("type", 64).filter(TYPE::equals).isPresent())
                .map(method -> parse(body, method));
    }

    private static JobSearch parse(JsonBody body, JsonBody method) {
        method.rejectUnknown(Set.of("type", TYPE));
        if (body.optionalString("validation_file", 64).isEmpty()) {
            throw body.invalid("validation_file", "is required: a search compares its trials by its loss.");
        }
        if (body.find(HYPERPARAMETERS) != null) {
            throw body.invalid(HYPERPARAMETERS, "of a search belong into 'method.search.hyperparameters'.");
        }
        JsonBody search = method.optionalObject(TYPE).orElseGet(() -> empty("method.search"));
        search.rejectUnknown(Set.of("trials", "space", OBJECTIVE, HYPERPARAMETERS));
        JsonBody hyper =
                search.optionalObject(HYPERPARAMETERS).orElseGet(() -> empty("method.search." + HYPERPARAMETERS));
        for (String field : DECIDED) {
            if (hyper.find(field) != null) {
                throw hyper.invalid(field, "cannot be given: a search decides it by itself.");
            }
        }
        int trials = search.optionalInt("trials", 2, MOST_TRIALS).orElse(USUAL_TRIALS);
        int epochs = JobSpec.number(hyper, EPOCHS, 1, JobSpec.MOST_EPOCHS).orElse(USUAL_EPOCHS);
        boolean preferences = preferences(search);
        SearchSpace space = JobSpace.parse(
                search.optionalObject("space").orElseGet(() -> empty("method.search.space")),
                hyper,
                JobSpec.usualRate(hyper, preferences));
        if (space.size() < trials) {
            throw search.invalid(
                    "trials", "is " + trials + ", and 'space' has only " + space.size() + " configurations to try.");
        }
        return new JobSearch(body, hyper, space, new Halving(trials, epochs), preferences);
    }

    private static boolean preferences(JsonBody search) {
        String objective = search.optionalString(OBJECTIVE, 64).orElse(JobSpec.SUPERVISED);
        if (!List.of(JobSpec.SUPERVISED, JobSpec.DPO).contains(objective)) {
            throw search.invalid(OBJECTIVE, "must be 'supervised' or 'dpo'.");
        }
        return objective.equals(JobSpec.DPO);
    }

    private static JsonBody empty(String path) {
        return JsonBody.inside(JsonBody.MAPPER.createObjectNode(), path);
    }

    /** The job of a trial, if it goes through all rungs. */
    public JobSpec spec(Configuration configuration) {
        ObjectNode all = hyper.node().deepCopy();
        configuration.values().properties().forEach(value -> all.set(value.getKey(), value.getValue()));
        all.put(EPOCHS, halving.epochs());
        all.put(SCHEDULE, "constant");
        // But for those at the ends of rungs, from which the next ones go on.
        all.put(CHECKPOINTS, 0);
        return JobSpec.parse(body, hyper.with(all), Optional.of(this));
    }

    /** The longest job of each shape that a trial's adapter may have. */
    List<JobSpec> alternatives() {
        return space.shapes().stream().map(this::spec).toList();
    }

    /** As a client sees it. */
    public ObjectNode shown() {
        JsonNode asked = body.node().path("method").path(TYPE);
        ObjectNode shown = asked instanceof ObjectNode given ? given.deepCopy() : JsonBody.MAPPER.createObjectNode();
        shown.put("trials", halving.trials());
        return shown;
    }
}
