package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.server.api.JsonBody;
import java.util.Set;

/** OpenAI's {@code fine_tuning.job} and {@code fine_tuning.job.event} objects. */
final class JobObject {
    static final String STATUS = "status";
    static final String VALIDATING = "validating_files";
    static final String QUEUED = "queued";
    static final String RUNNING = "running";
    static final String SUCCEEDED = "succeeded";
    static final String FAILED = "failed";
    static final String CANCELLED = "cancelled";

    private JobObject() {}

    /** A new job with every field of the schema. */
    static ObjectNode create(String id, JobSpec spec, ObjectNode request, long now) {
        ObjectNode job = JsonBody.MAPPER.createObjectNode();
        job.put("id", id);
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
        job.putNull("validation_file");
        job.putArray("integrations");
        spec.metadata().ifPresentOrElse(metadata -> job.set("metadata", metadata), () -> job.putNull("metadata"));
        ObjectNode hyper = job.putObject("hyperparameters");
        spec.epochs().ifPresentOrElse(n -> hyper.put("n_epochs", n), () -> hyper.put("n_epochs", "auto"));
        spec.batchSize().ifPresentOrElse(n -> hyper.put("batch_size", n), () -> hyper.put("batch_size", "auto"));
        hyper.put("learning_rate_multiplier", "auto");
        method(job);
        // The request itself, by which a job that a crash interrupted is begun again.
        job.set("request", request);
        return job;
    }

    /** Puts the numbers that the server chose where it said auto. */
    static void choose(ObjectNode job, Settings settings) {
        ObjectNode hyper = job.withObjectProperty("hyperparameters");
        hyper.put("n_epochs", settings.epochs());
        hyper.put("batch_size", settings.batchSize());
        method(job);
    }

    private static void method(ObjectNode job) {
        ObjectNode method = job.putObject("method");
        method.put("type", "supervised");
        method.putObject("supervised")
                .set("hyperparameters", job.path("hyperparameters").deepCopy());
    }

    static boolean ended(ObjectNode job) {
        return Set.of(SUCCEEDED, FAILED, CANCELLED).contains(job.path(STATUS).asText());
    }

    static ObjectNode event(String id, long now, String level, String message) {
        ObjectNode event = JsonBody.MAPPER.createObjectNode();
        event.put("id", id);
        event.put("object", "fine_tuning.job.event");
        event.put("created_at", now);
        event.put("level", level);
        event.put("message", message);
        event.put("type", "message");
        event.putObject("data");
        return event;
    }
}
