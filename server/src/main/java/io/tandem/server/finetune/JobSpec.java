package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.TargetModule;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.scheduler.finetune.LearningRateSchedule;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.api.JsonBody;
import java.util.Arrays;
import java.util.EnumSet;
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
 * @param suffix part of the new model's name
 * @param seed of the initial weights and of the order of examples
 * @param epochs passes over the file, if not left to the server
 * @param batchSize examples between two optimizer steps, if not left to the server
 * @param learningRate at its highest
 * @param lora what is trained
 * @param warmupSteps steps in which the learning rate rises
 * @param schedule of the learning rate afterwards
 * @param optimizer what updates the adapter
 * @param user on whose account the job trains, as the client says; the same as in a completion
 * @param metadata as the client gave it
 */
public record JobSpec(
        String model,
        String trainingFile,
        Optional<String> suffix,
        long seed,
        Optional<Integer> epochs,
        Optional<Integer> batchSize,
        double learningRate,
        LoraConfig lora,
        int warmupSteps,
        LearningRateSchedule schedule,
        OptimizerConfig optimizer,
        String user,
        Optional<ObjectNode> metadata) {

    private static final int MAX_SEED = Integer.MAX_VALUE;
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
    private static final Set<String> HYPERPARAMETERS = Stream.concat(
                    Stream.of(
                            "n_epochs",
                            "batch_size",
                            "learning_rate_multiplier",
                            "learning_rate",
                            "rank",
                            "alpha",
                            "rslora",
                            "target_modules",
                            "warmup_steps",
                            "schedule"),
                    JobOptimizer.FIELDS.stream())
            .collect(Collectors.toUnmodifiableSet());

    /** @throws io.tandem.server.api.ApiException naming the field that is wrong */
    public static JobSpec parse(JsonBody body) {
        body.rejectUnknown(FIELDS);
        body.refuseUnless("validation_file", value -> false);
        body.refuseUnless("integrations", JsonNode::isEmpty);
        Optional<String> suffix = body.optionalString("suffix", 64);
        suffix.filter(s -> !s.matches("[A-Za-z0-9][A-Za-z0-9._-]*")).ifPresent(s -> {
            throw body.invalid("suffix", "may have letters, digits, dots, dashes and underscores only.");
        });
        JsonBody hyper = hyperparameters(body);
        hyper.rejectUnknown(HYPERPARAMETERS);
        OptimizerConfig optimizer = JobOptimizer.parse(hyper);
        int rank = hyper.optionalInt("rank", 1, 512).orElse(8);
        double alpha = hyper.optionalNumber("alpha", 1e-3, 1e4).orElse(2.0 * rank);
        double multiplier = auto(hyper, "learning_rate_multiplier")
                ? 1
                : hyper.optionalNumber("learning_rate_multiplier", 1e-6, 1e3).orElse(1);
        return new JobSpec(
                body.requiredString("model", 256),
                body.requiredString("training_file", 64),
                suffix,
                body.optionalLong("seed", 0, MAX_SEED)
                        .orElseGet(() -> ThreadLocalRandom.current().nextLong(MAX_SEED)),
                number(hyper, "n_epochs", 1, 50),
                number(hyper, "batch_size", 1, 256),
                hyper.optionalNumber("learning_rate", 0, 1).orElse(JobOptimizer.learningRate(optimizer.method()))
                        * multiplier,
                new LoraConfig(rank, alpha, hyper.optionalBoolean("rslora", false), targets(hyper), ""),
                hyper.optionalInt("warmup_steps", 0, 100_000).orElse(5),
                schedule(hyper),
                optimizer,
                body.optionalString("user", GenerationParams.USER_CHARS_MAX).orElse(InferenceRequest.SHARED_CALLER),
                body.optionalObject("metadata").map(JsonBody::node));
    }

    /** From {@code method.supervised.hyperparameters}, or the older {@code hyperparameters}. */
    private static JsonBody hyperparameters(JsonBody body) {
        JsonBody none = JsonBody.inside(JsonBody.MAPPER.createObjectNode(), "hyperparameters");
        Optional<JsonBody> method = body.optionalObject("method");
        if (method.isEmpty()) {
            return body.optionalObject("hyperparameters").orElse(none);
        }
        method.get().rejectUnknown(Set.of("type", "supervised"));
        method.get()
                .optionalString("type", 64)
                .filter(type -> !type.equals("supervised"))
                .ifPresent(type -> {
                    throw method.get().invalid("type", "must be 'supervised'; this server trains nothing else yet.");
                });
        return method.get()
                .optionalObject("supervised")
                .flatMap(supervised -> {
                    supervised.rejectUnknown(Set.of("hyperparameters"));
                    return supervised.optionalObject("hyperparameters");
                })
                .orElse(none);
    }

    private static boolean auto(JsonBody hyper, String field) {
        JsonNode value = hyper.find(field);
        return value == null || value.asText().equals("auto");
    }

    private static Optional<Integer> number(JsonBody hyper, String field, int min, int max) {
        return auto(hyper, field)
                ? Optional.empty()
                : Optional.of(hyper.optionalInt(field, min, max).orElse(min));
    }

    private static LearningRateSchedule schedule(JsonBody hyper) {
        String name = hyper.optionalString("schedule", 16).orElse("linear");
        return Arrays.stream(LearningRateSchedule.values())
                .filter(schedule -> schedule.name().toLowerCase(Locale.ROOT).equals(name))
                .findFirst()
                .orElseThrow(() -> hyper.invalid("schedule", "must be constant, linear or cosine."));
    }

    private static Set<TargetModule> targets(JsonBody hyper) {
        JsonNode value = hyper.find("target_modules");
        if (value == null || value.asText().equals("all-linear")) {
            return LoraConfig.allLinears();
        }
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        for (JsonNode name : value) {
            targets.add(Arrays.stream(TargetModule.values())
                    .filter(module -> module.label().equals(name.asText()))
                    .findFirst()
                    .orElseThrow(() -> unknownTarget(hyper)));
        }
        if (targets.isEmpty()) {
            throw unknownTarget(hyper);
        }
        return targets;
    }

    private static RuntimeException unknownTarget(JsonBody hyper) {
        String known =
                Arrays.stream(TargetModule.values()).map(TargetModule::label).collect(Collectors.joining(", "));
        return hyper.invalid("target_modules", "must be \"all-linear\" or a list of: " + known + ".");
    }

    /** The job's settings, with what was left to the server chosen by the number of examples. */
    public Settings settings(int examples) {
        int chosenBatch = batchSize.orElse(Math.max(1, Math.min(16, examples / 20)));
        // Small files are repeated until they make some hundred steps.
        int stepsPerEpoch = (examples + chosenBatch - 1) / chosenBatch;
        int chosenEpochs = epochs.orElse(Math.max(3, Math.min(20, 150 / stepsPerEpoch)));
        return new Settings(chosenEpochs, chosenBatch, learningRate, warmupSteps, schedule, seed, optimizer);
    }
}
