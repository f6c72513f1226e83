package io.tandem.server.finetune.search;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.finetune.search.Trial.Evaluation;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;

/** The trials of a search in its job's object, where clients see them and from which the search goes on. */
public final class SearchProgress {
    private static final String FIELD = "search";
    private static final String TRIALS = "trials";
    private static final String BEST = "best_trial";
    private static final String NUMBER = "trial";
    private static final String HYPERPARAMETERS = "hyperparameters";
    private static final String PARAMETERS = "trained_parameters";
    private static final String EVALUATIONS = "evaluations";
    private static final String EPOCHS = "epochs";
    private static final String STEPS = "steps";
    private static final String LOSS = "validation_loss";
    private static final String TOKENS = "trained_tokens";
    private static final String PARETO = "pareto";

    private SearchProgress() {}

    /** Those that were evaluated, by their numbers. */
    public static List<Trial> read(ObjectNode job) {
        List<Trial> trials = new ArrayList<>();
        for (JsonNode trial : job.path(FIELD).path(TRIALS)) {
            List<Evaluation> evaluations = new ArrayList<>();
            for (JsonNode evaluation : trial.path(EVALUATIONS)) {
                JsonNode loss = evaluation.path(LOSS);
                evaluations.add(new Evaluation(
                        evaluation.path(EPOCHS).asInt(),
                        evaluation.path(STEPS).asInt(),
                        loss.isNumber() ? OptionalDouble.of(loss.doubleValue()) : OptionalDouble.empty(),
                        evaluation.path(TOKENS).asLong()));
            }
            trials.add(new Trial(
                    trial.path(NUMBER).asInt(),
                    new Configuration(trial.withObject("/" + HYPERPARAMETERS).deepCopy()),
                    trial.path(PARAMETERS).asLong(),
                    evaluations));
        }
        return trials;
    }

    /** Puts a trial with a new evaluation into the job. */
    public static void put(ObjectNode job, Trial evaluated) {
        List<Trial> trials = new ArrayList<>(read(job));
        int at = evaluated.number() - 1;
        if (at < trials.size()) {
            trials.set(at, evaluated);
        } else {
            trials.add(evaluated);
        }
        write(job, trials);
    }

    private static void write(ObjectNode job, List<Trial> trials) {
        Set<Integer> front = SearchTable.front(trials);
        ObjectNode search = job.putObject(FIELD);
        ArrayNode all = search.putArray(TRIALS);
        for (Trial trial : trials) {
            ObjectNode shown = all.addObject().put(NUMBER, trial.number());
            shown.set(HYPERPARAMETERS, trial.configuration().values());
            shown.put(PARAMETERS, trial.parameters());
            putLoss(shown, trial.smallestLoss());
            shown.put(PARETO, front.contains(trial.number()));
            ArrayNode evaluations = shown.putArray(EVALUATIONS);
            for (Evaluation evaluation : trial.evaluations()) {
                ObjectNode one = evaluations.addObject();
                one.put(EPOCHS, evaluation.epochs()).put(STEPS, evaluation.steps());
                putLoss(one, evaluation.loss());
                one.put(TOKENS, evaluation.trainedTokens());
            }
        }
        SearchTable.best(trials).ifPresentOrElse(best -> search.put(BEST, best.number()), () -> search.putNull(BEST));
        job.put(TOKENS, trials.stream().mapToLong(Trial::trainedTokens).sum());
    }

    private static void putLoss(ObjectNode object, OptionalDouble loss) {
        if (loss.isPresent()) {
            object.put(LOSS, loss.getAsDouble());
        } else {
            object.putNull(LOSS);
        }
    }
}
