package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterRegistry;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.AdapterStore.Named;
import io.tandem.server.storage.CheckpointStore;
import io.tandem.server.storage.FileStore;
import io.tandem.server.storage.JobStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What comes out of jobs: checkpoints, adapters, tables. Each is on disk before it can be called. For one thread.
 *
 * @param files tables
 * @param jobs folders of the jobs
 * @param checkpoints in those folders
 * @param adapters finished
 * @param registry names that can be called
 */
record JobResults(
        FileStore files, JobStore jobs, CheckpointStore checkpoints, AdapterStore adapters, AdapterRegistry registry) {

    /** Checkpoints of one job that are kept. */
    static final int KEPT_CHECKPOINTS = 10;

    private static final String CHECKPOINT_NAME = "fine_tuned_model_checkpoint";

    /** Makes finished adapters of earlier runs callable. */
    void publishAdapters() throws IOException {
        for (AdapterStore.Stored stored : adapters.loadAll()) {
            registry.publish(stored.name(), stored.adapter(), hidden(stored.under()));
        }
    }

    /** Makes the checkpoints of a job of an earlier run callable. */
    void publishCheckpoints(String jobId) throws IOException {
        List<AdapterVersion> under = hidden(jobs.under(jobId, adapters));
        for (CheckpointStore.Stored stored : checkpoints.loadAll(jobId)) {
            registry.publish(stored.object().path(CHECKPOINT_NAME).asText(), stored.adapter(), under);
        }
    }

    /** The adapters that a job stands on, as they were when it was created. */
    List<AdapterVersion> under(String jobId) throws IOException {
        return hidden(jobs.under(jobId, adapters));
    }

    private List<AdapterVersion> hidden(List<Named> named) {
        return named.stream()
                .map(adapter -> registry.hidden(adapter.name(), adapter.adapter()))
                .toList();
    }

    void keepUnder(String jobId, List<AdapterVersion> under) throws IOException {
        jobs.saveUnder(jobId, named(under), adapters);
    }

    private static List<Named> named(List<AdapterVersion> versions) {
        return versions.stream()
                .map(version -> new Named(version.name(), version.adapter()))
                .toList();
    }

    /** Keeps a checkpoint, and lets go of those that are too many; returns its name. */
    String checkpoint(ObjectNode job, JobCheckpoint checkpoint, List<AdapterVersion> under, long now)
            throws IOException {
        ObjectNode object = JobObject.checkpoint(job, checkpoint, now);
        String id = JobObject.id(job);
        checkpoints.save(id, checkpoint, object);
        String name = object.path(CHECKPOINT_NAME).asText();
        registry.publish(name, checkpoint.adapter(), under);
        for (ObjectNode gone : checkpoints.prune(id, KEPT_CHECKPOINTS)) {
            registry.withdraw(gone.path(CHECKPOINT_NAME).asText());
        }
        return name;
    }

    /** OpenAI's checkpoint objects of a job, the newest first. */
    List<ObjectNode> checkpoints(String jobId) throws IOException {
        List<ObjectNode> newestFirst = new ArrayList<>(checkpoints.objects(jobId));
        Collections.reverse(newestFirst);
        return newestFirst;
    }

    /** Keeps a job's adapter and puts its name into the job. */
    String succeed(ObjectNode job, Succeeded outcome, List<AdapterVersion> under) throws IOException {
        String name = JobObject.modelName(job);
        if (registry.find(name).isEmpty()) {
            adapters.save(new AdapterStore.Stored(name, outcome.adapter(), named(under)));
            registry.publish(name, outcome.adapter(), under);
        }
        job.put("fine_tuned_model", name);
        return name;
    }

    /** Makes a file of the job's table and puts its id into the job. */
    void table(ObjectNode job, long now) throws IOException {
        Path copy = jobs.copyTable(JobObject.id(job));
        ObjectNode file = files.add(copy, "step_metrics.csv", "fine-tune-results", now);
        job.putArray("result_files").add(file.path("id").asText());
    }
}
