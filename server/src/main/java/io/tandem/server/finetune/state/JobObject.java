package io.tandem.server.finetune.state;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.server.adapter.AdapterEntry;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.api.TenantId;
import io.tandem.server.finetune.request.FrozenAdapters;
import io.tandem.server.finetune.request.JobDistillation;
import io.tandem.server.finetune.request.JobSearch;
import io.tandem.server.finetune.request.JobSpec;
import io.tandem.server.storage.JobStore;
import io.tandem.server.text.ServedModel;
import java.util.List;
import java.util.Set;

/**
 * OpenAI's {@code fine_tuning.job}, {@code fine_tuning.job.event} and {@code fine_tuning.job.checkpoint} objects, with
 * every field of their schemas.
 */
public final class JobObject {
    public static final String STATUS = "status";
    public static final String VALIDATING = "validating_files";
    public static final String QUEUED = "queued";
    public static final String RUNNING = "running";
    public static final String PAUSED = "paused";
    public static final String SUCCEEDED = "succeeded";
    public static final String FAILED = "failed";
    public static final String CANCELLED = "cancelled";

    private static final String AUTO = "auto";
    private static final String REQUEST = "request";
    private static final String BASE = "base_model_identity";
    private static final String TENANT = "tenant";

    private JobObject() {}

    /**
     * @param tenant whose it is
     * @param frozen what the job stands on
     * @param base identity of the base model
     */
    public static ObjectNode create(
            TenantId tenant, JobSpec spec, FrozenAdapters frozen, ObjectNode request, String base, long now) {
        ObjectNode job = JsonBody.MAPPER.createObjectNode();
        job.put("id", ObjectIds.kept("ftjob-"));
        job.put(TENANT, tenant.value());
        job.put("object", "fine_tuning.job");
        job.put("created_at", now);
        job.putNull("error");
        job.putNull("fine_tuned_model");
        job.putNull("finished_at");
        job.putNull("estimated_finish");
        job.put("model", spec.model());
        job.put("organization_id", "tandem");
        job.putArray("result_files");
        job.put("seed", spec.seed());
        job.put(STATUS, VALIDATING);
        job.putNull("trained_tokens");
        job.put("training_file", spec.trainingFile());
        job.put("validation_file", spec.validationFile().orElse(null));
        job.putArray("integrations");
        spec.metadata().ifPresentOrElse(metadata -> job.set("metadata", metadata), () -> job.putNull("metadata"));
        ObjectNode hyper = job.putObject("hyperparameters");
        spec.epochs().ifPresentOrElse(n -> hyper.put("n_epochs", n), () -> hyper.put("n_epochs", AUTO));
        spec.batchSize().ifPresentOrElse(n -> hyper.put("batch_size", n), () -> hyper.put("batch_size", AUTO));
        spec.learningRateMultiplier()
                .ifPresentOrElse(
                        x -> hyper.put("learning_rate_multiplier", x),
                        () -> hyper.put("learning_rate_multiplier", AUTO));
        if (!frozen.controls().isEmpty()) {
            ObjectNode controls = hyper.putObject("controls");
            frozen.controls().forEach((label, adapter) -> controls.put(label, adapter.reference()));
        }
        method(job, spec);
        // The request itself, by which a job that was interrupted goes on.
        job.set(REQUEST, request);
        job.put(BASE, base);
        return job;
    }

    /** Puts the numbers that the server chose where it said auto. */
    public static void choose(ObjectNode job, JobSpec spec, Settings settings) {
        ObjectNode hyper = job.withObjectProperty("hyperparameters");
        if (spec.search().isEmpty()) {
            hyper.put("n_epochs", settings.epochs());
        }
        hyper.put("batch_size", settings.batchSize() / spec.gradientAccumulation());
        if (spec.learningRateMultiplier().isEmpty()) {
            hyper.put("learning_rate_multiplier", 1.0);
        }
        method(job, spec);
    }

    private static void method(ObjectNode job, JobSpec spec) {
        if (spec.search().isPresent()) {
            ObjectNode method = job.putObject("method").put("type", JobSearch.TYPE);
            method.set(JobSearch.TYPE, spec.search().get().shown());
            return;
        }
        ObjectNode hyper = job.withObjectProperty("hyperparameters").deepCopy();
        String type = "supervised";
        if (spec.objective() instanceof Objective.Preference preference) {
            type = "dpo";
            hyper.put("beta", preference.beta());
        }
        if (spec.distillation().isPresent()) {
            type = JobDistillation.TYPE;
        }
        ObjectNode method = job.putObject("method");
        method.put("type", type);
        ObjectNode settings = method.putObject(type);
        spec.distillation().ifPresent(distillation -> settings.setAll(distillation.shown()));
        settings.set("hyperparameters", hyper);
    }

    public static boolean ended(ObjectNode job) {
        return Set.of(SUCCEEDED, FAILED, CANCELLED).contains(status(job));
    }

    public static String status(ObjectNode job) {
        return job.path(STATUS).asText();
    }

    public static String id(ObjectNode job) {
        return job.path("id").asText();
    }

    /** Whether it can be told whose it is. */
    static boolean hasTenant(ObjectNode job) {
        return TenantId.stored(job.path(TENANT)).isPresent();
    }

    /** Whose it is. */
    public static TenantId tenant(ObjectNode job) {
        return TenantId.stored(job.path(TENANT)).orElseThrow();
    }

    /** On whose account it trains. */
    public static String account(ObjectNode job) {
        return tenant(job).account(job.path(REQUEST).path("user").asText(InferenceRequest.SHARED_CALLER));
    }

    /** What the model that the job makes is called. */
    public static String modelName(ObjectNode job) {
        String id = id(job);
        return "ft:" + job.path("model").asText() + ":"
                + job.path(REQUEST).path("suffix").asText("adapter") + ":" + id.substring(id.length() - 8);
    }

    /** What the model of a checkpoint is called. */
    public static String checkpointName(ObjectNode job, int step) {
        return AdapterEntry.checkpoint(modelName(job), step);
    }

    /** Whether it was created with this base model; jobs of older servers know its name only. */
    public static boolean isOf(ObjectNode job, ServedModel model) {
        return job.path(BASE).isTextual()
                ? job.path(BASE).textValue().equals(model.identity())
                : job.path("model").asText().equals(model.name());
    }

    /** What the client asked for. */
    public static JobSpec spec(ObjectNode job) {
        if (job.path(REQUEST) instanceof ObjectNode request) {
            return JobSpec.parse(JsonBody.inside(request, REQUEST));
        }
        throw ApiException.invalid(REQUEST, "the job's file on the server's disk has no request");
    }

    /** What a client sees of it. */
    public static ObjectNode shown(ObjectNode job) {
        return JobStore.withoutHashes(job).remove(List.of(REQUEST, BASE, TENANT));
    }

    /** Puts a job's end into it. */
    static void end(ObjectNode job, String status, String message, long now) {
        job.put(STATUS, status);
        job.put("finished_at", now);
        job.putNull("estimated_finish");
        if (status.equals(FAILED)) {
            ObjectNode error = job.putObject("error");
            error.put("code", "job_failed");
            error.put("message", message);
            error.putNull("param");
        }
    }

    static ObjectNode event(long now, String level, String message) {
        ObjectNode event = JsonBody.MAPPER.createObjectNode();
        event.put("id", ObjectIds.kept("ftevent-"));
        event.put("object", "fine_tuning.job.event");
        event.put("created_at", now);
        event.put("level", level);
        event.put("message", message);
        event.put("type", "message");
        event.putObject("data");
        return event;
    }

    /** In a checkpoint's object: what it is called by. */
    public static final String CALLED = "fine_tuned_model_checkpoint";

    public static ObjectNode checkpoint(ObjectNode job, JobCheckpoint checkpoint, long now) {
        ObjectNode object = JsonBody.MAPPER.createObjectNode();
        object.put("id", ObjectIds.kept("ftckpt_"));
        object.put("object", "fine_tuning.job.checkpoint");
        object.put("created_at", now);
        object.put(CALLED, checkpointName(job, checkpoint.step()));
        object.put("fine_tuning_job_id", id(job));
        object.put("step_number", checkpoint.step());
        ObjectNode metrics = object.putObject("metrics");
        metrics.put("step", checkpoint.step());
        putScores(metrics, "train", checkpoint.trained());
        checkpoint.measured().filter(last -> last.step() == checkpoint.step()).ifPresent(last -> {
            putScores(metrics, "valid", last.scores());
            putScores(metrics, "full_valid", last.scores());
        });
        return object;
    }

    /** The numbers that OpenAI's checkpoints have. */
    public static void putScores(ObjectNode metrics, String set, Scores scores) {
        metrics.put(set + "_loss", scores.loss());
        scores.tokenAccuracy().ifPresent(share -> metrics.put(set + "_mean_token_accuracy", share));
    }
}
