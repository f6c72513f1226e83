package io.tandem.server.finetune.request;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.scheduler.finetune.LearningRateSchedule;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.Metadata;
import io.tandem.server.dataset.TextRules;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a client asks a job to do; the body of {@code POST /v1/fine_tuning/jobs}.
 *
 * @param model the base model
 * @param trainingFile id of an uploaded file
 * @param validationFile id of an uploaded file whose loss is measured
 * @param suffix part of the new model's name
 * @param seed of the initial weights and of the order of examples
 * @param objective what is made smaller
 * @param epochs passes over the file, if not left to the server
 * @param batchSize examples between two optimizer steps, without accumulation, if not left to the server
 * @param gradientAccumulation factor on the batch size
 * @param learningRateMultiplier if not left to the server
 * @param learningRate at its highest, multiplier included
 * @param method how its adapter is trained
 * @param learning which of its parameters learn in a step
 * @param warmupSteps steps in which the learning rate rises
 * @param schedule of the learning rate afterwards
 * @param optimizer what updates the adapter
 * @param user on whose account the job trains, as the client says; the same as in a completion
 * @param course what happens between steps
 * @param weight share of the fine-tuning tokens, in proportion to other jobs
 * @param below what the new adapter is trained on top of
 * @param texts how examples become tokens
 * @param metadata as the client gave it
 * @param search of which this is a trial, or the first of its alternatives
 * @param distillation what is kept of the file, if it is distilled
 */
public record JobSpec(
        String model,
        String trainingFile,
        Optional<String> validationFile,
        Optional<String> suffix,
        long seed,
        Objective objective,
        Optional<Integer> epochs,
        Optional<Integer> batchSize,
        int gradientAccumulation,
        Optional<Double> learningRateMultiplier,
        double learningRate,
        PeftMethod method,
        LearningPolicy learning,
        int warmupSteps,
        LearningRateSchedule schedule,
        OptimizerConfig optimizer,
        String user,
        JobCourse course,
        double weight,
        JobBelow below,
        TextRules texts,
        Optional<ObjectNode> metadata,
        Optional<JobSearch> search,
        Optional<JobDistillation> distillation) {

    /** Preferences are learned in smaller steps, or the model forgets how to speak. */
    private static final double PREFERENCE_RATE = 0.25;

    private static final double BASE_BETA = 0.1;
    static final String SUPERVISED = "supervised";
    static final String DPO = "dpo";
    private static final List<String> TYPES = List.of(SUPERVISED, DPO, JobSearch.TYPE, JobDistillation.TYPE);

    /** Of a request that is kept with its job. */
    private static final int MAX_CHARS = 1 << 16;

    private static final int MAX_SEED = Integer.MAX_VALUE;
    static final int MOST_EPOCHS = 50;
    private static final Set<String> FIELDS = Set.of(
            "model",
            "training_file",
            "validation_file",
            "suffix",
            "seed",
            "hyperparameters",
            "method",
            "integrations",
            "user",
            "metadata");
    private static final Set<String> HYPERPARAMETERS = Stream.of(
                    Set.of(
                            "n_epochs",
                            "batch_size",
                            "gradient_accumulation",
                            "truncate",
                            "mask_history",
                            "learning_rate_multiplier",
                            "learning_rate",
                            "warmup_steps",
                            "schedule",
                            "weight",
                            JobLearns.FIELD),
                    JobPeft.FIELDS,
                    JobBelow.FIELDS,
                    JobOptimizer.FIELDS,
                    JobCourse.FIELDS)
            .flatMap(Set::stream)
            .collect(Collectors.toUnmodifiableSet());

    /** @throws io.tandem.server.api.ApiException naming the field that is wrong */
    public static JobSpec parse(JsonBody body) {
        return JobSearch.of(body)
                .map(search -> search.alternatives().get(0))
                .orElseGet(() -> parse(body, hyperparameters(body, type(body)), Optional.empty()));
    }

    /** Of a search, what its trials may be, each as long as the longest; of other jobs, just what they are. */
    public List<JobSpec> alternatives() {
        return search.map(JobSearch::alternatives).orElse(List.of(this));
    }

    /**
     * What the new adapter is trained on top of, in its current versions.
     *
     * @throws ApiException if there is no such adapter, or there are too many one above the other
     */
    public FrozenAdapters frozen(AdapterLibrary library) {
        return below.find(library);
    }

    /** @param search of which the hyperparameters are a trial's */
    static JobSpec parse(JsonBody body, JsonBody hyper, Optional<JobSearch> search) {
        body.rejectUnknown(FIELDS);
        JsonNode integrations = body.find("integrations");
        if (integrations != null && !(integrations.isArray() && integrations.isEmpty())) {
            throw ApiException.unsupported(
                    "integrations",
                    "'integrations' are not supported; a job's numbers are in its events, its result file and, for"
                            + " TensorBoard, in its folder below the server's data directory.");
        }
        Optional<String> suffix = body.optionalString("suffix", 64);
        suffix.filter(s -> !s.matches("[A-Za-z0-9][A-Za-z0-9._-]*")).ifPresent(s -> {
            throw body.invalid("suffix", "may have letters, digits, dots, dashes and underscores only.");
        });
        String type = type(body);
        boolean distills = type.equals(JobDistillation.TYPE);
        boolean preferences = search.map(JobSearch::preferences).orElse(type.equals(DPO));
        Set<String> known = new HashSet<>(HYPERPARAMETERS);
        if (preferences) {
            known.add("beta");
        }
        hyper.rejectUnknown(known);
        OptimizerConfig optimizer = JobOptimizer.parse(hyper);
        Optional<Double> multiplier = real(hyper, "learning_rate_multiplier", 1e-6, 1e3);
        Optional<String> validationFile = body.optionalString("validation_file", 64);
        String model = body.requiredString("model", 256);
        PeftMethod peft = JobPeft.parse(hyper, model);
        JobBelow below = JobBelow.parse(hyper);
        if (peft.makesBase()) {
            below.requireNothing(hyper, peft.name());
            if (distills) {
                throw hyper.invalid(
                        "peft", "makes a base model with '" + peft.name() + "', and distilling needs an adapter.");
            }
        }
        Optional<JobDistillation> distillation = distills
                ? body.optionalObject("method").map(method -> JobDistillation.parse(method, hyper))
                : Optional.empty();
        return new JobSpec(
                model,
                body.requiredString("training_file", 64),
                validationFile,
                suffix,
                body.optionalLong("seed", 0, MAX_SEED)
                        .orElseGet(() -> ThreadLocalRandom.current().nextLong(MAX_SEED)),
                preferences
                        ? new Objective.Preference(real(hyper, "beta", 1e-6, 2).orElse(BASE_BETA))
                        : new Objective.Supervised(),
                number(hyper, "n_epochs", 1, MOST_EPOCHS),
                number(hyper, "batch_size", 1, 256),
                hyper.optionalInt("gradient_accumulation", 1, 256).orElse(1),
                multiplier,
                hyper.optionalNumber("learning_rate", 0, 1).orElse(usualRate(hyper, preferences))
                        * multiplier.orElse(1.0),
                peft,
                JobLearns.parse(hyper, peft),
                hyper.optionalInt("warmup_steps", 0, 100_000).orElse(5),
                schedule(hyper),
                optimizer,
                body.optionalString("user", GenerationParams.USER_CHARS_MAX).orElse(InferenceRequest.SHARED_CALLER),
                JobCourse.parse(hyper, validationFile.isPresent()),
                hyper.optionalNumber("weight", 1e-3, 1e3).orElse(1),
                below,
                new TextRules(
                        hyper.optionalBoolean("truncate", false),
                        hyper.optionalBoolean("mask_history", false),
                        distillation.filter(JobDistillation::written).isPresent()),
                body.optionalObject("metadata").map(JsonBody::node),
                search,
                distillation);
    }

    /**
     * What is kept with a job is small, since all jobs are in memory. Asked when a job is created, so that jobs of servers
     * that asked for less can still go on.
     *
     * @throws io.tandem.server.api.ApiException naming the field that is too large
     */
    public static void requireSmall(JsonBody body) {
        Metadata.read(body);
        if (body.node().toString().length() > MAX_CHARS) {
            throw body.invalid(
                    "hyperparameters", "and the rest of the request must have at most " + MAX_CHARS + " characters.");
        }
    }

    /** The learning rate of a job that names none. */
    static double usualRate(JsonBody hyper, boolean preferences) {
        return JobOptimizer.learningRate(hyper) * (preferences ? PREFERENCE_RATE : 1);
    }

    private static String type(JsonBody body) {
        Optional<JsonBody> method = body.optionalObject("method");
        if (method.isEmpty()) {
            return SUPERVISED;
        }
        String type = method.get().optionalString("type", 64).orElse(SUPERVISED);
        if (!TYPES.contains(type)) {
            throw method.get()
                    .invalid(
                            "type",
                            "must be 'supervised', 'dpo', 'search' or 'distill'; this server trains nothing else.");
        }
        method.get().rejectUnknown(Set.of("type", SUPERVISED, DPO, JobSearch.TYPE, JobDistillation.TYPE));
        return type;
    }

    /** From {@code method.<type>.hyperparameters}, or the older {@code hyperparameters}. */
    private static JsonBody hyperparameters(JsonBody body, String type) {
        JsonBody older = body.optionalObject("hyperparameters")
                .orElse(JsonBody.inside(JsonBody.MAPPER.createObjectNode(), "hyperparameters"));
        Optional<JsonBody> method = body.optionalObject("method");
        if (method.isEmpty()) {
            return older;
        }
        for (String other : TYPES) {
            if (!other.equals(type) && method.get().find(other) != null) {
                throw method.get().invalid(other, "does not belong to the method '" + type + "'.");
            }
        }
        return method.get()
                .optionalObject(type)
                .flatMap(inner -> {
                    Set<String> known = new HashSet<>(Set.of("hyperparameters"));
                    known.addAll(type.equals(JobDistillation.TYPE) ? JobDistillation.FIELDS : Set.of());
                    inner.rejectUnknown(known);
                    return inner.optionalObject("hyperparameters");
                })
                .orElse(older);
    }

    private static boolean auto(JsonBody hyper, String field) {
        JsonNode value = hyper.find(field);
        return value == null || value.asText().equals("auto");
    }

    /** A whole number, unless it is left to the server by {@code auto}. */
    static Optional<Integer> number(JsonBody hyper, String field, int min, int max) {
        return auto(hyper, field)
                ? Optional.empty()
                : Optional.of(hyper.optionalInt(field, min, max).orElse(min));
    }

    private static Optional<Double> real(JsonBody hyper, String field, double min, double max) {
        return auto(hyper, field)
                ? Optional.empty()
                : Optional.of(hyper.optionalNumber(field, min, max).orElse(min));
    }

    public static int ceilDiv(int number, int divisor) {
        return (number + divisor - 1) / divisor;
    }

    private static LearningRateSchedule schedule(JsonBody hyper) {
        String name = hyper.optionalString("schedule", 16).orElse("linear");
        return Arrays.stream(LearningRateSchedule.values())
                .filter(schedule -> schedule.name().toLowerCase(Locale.ROOT).equals(name))
                .findFirst()
                .orElseThrow(() -> hyper.invalid("schedule", "must be constant, linear or cosine."));
    }

    /**
     * The job's settings, with what was left to the server chosen by the number of examples.
     *
     * @param chosenSeed the seed of the job's first run
     */
    public Settings settings(int examples, long chosenSeed) {
        int batch = batchSize.orElse(Math.max(1, Math.min(16, examples / 20))) * gradientAccumulation;
        int stepsPerEpoch = ceilDiv(examples, batch);
        // Small files are repeated until they make some hundred steps.
        int chosenEpochs = epochs.orElse(Math.max(3, Math.min(20, 150 / stepsPerEpoch)));
        int steps = stepsPerEpoch * chosenEpochs;
        Settings settings = new Settings(
                objective,
                chosenEpochs,
                batch,
                learningRate,
                warmupSteps,
                schedule,
                chosenSeed,
                optimizer,
                course.cadence(steps)
                        .examining(
                                distillation.map(JobDistillation::examinations).orElse(0)),
                learning);
        // With a checkpoint there, from which the job writes.
        return distillation.filter(JobDistillation::written).isPresent() ? settings.endingAfter(steps) : settings;
    }
}
