package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.AdapterStore.Named;
import io.tandem.server.storage.CheckpointStore;
import io.tandem.server.storage.FileStore;
import io.tandem.server.storage.JobStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * What comes out of jobs: checkpoints, adapters, tables. Each is on disk before it can be called. For one thread.
 *
 * @param files tables
 * @param jobs folders of the jobs
 * @param checkpoints in those folders
 * @param adapters reads and writes what jobs stand on
 * @param library names that can be called
 */
record JobResults(
        FileStore files, JobStore jobs, CheckpointStore checkpoints, AdapterStore adapters, AdapterLibrary library) {

    /** Checkpoints of one job that are kept. */
    static final int KEPT_CHECKPOINTS = 10;

    private static final String CHECKPOINT_NAME = "fine_tuned_model_checkpoint";

    /** Makes the checkpoints of a job callable that an earlier run wrote and did not come to publish. */
    void publishCheckpoints(String jobId) throws IOException {
        boolean known = checkpoints.objects(jobId).stream()
                .allMatch(object ->
                        library.find(object.path(CHECKPOINT_NAME).asText()).isPresent());
        if (known) {
            return;
        }
        List<AdapterVersion> under = frozen(jobId).under();
        for (CheckpointStore.Stored stored : checkpoints.loadAll(jobId)) {
            String name = stored.object().path(CHECKPOINT_NAME).asText();
            if (library.find(name).isEmpty()) {
                publish(name, stored.adapter(), under, jobId);
            }
        }
    }

    private void publish(String name, Adapter adapter, List<AdapterVersion> under, String jobId) throws IOException {
        List<Adapter> below = under.stream().map(AdapterVersion::adapter).toList();
        await(library.publishTrained(name, adapter, below, "trained by " + jobId));
    }

    private static void await(CompletableFuture<?> change) throws IOException {
        try {
            change.join();
        } catch (CompletionException e) {
            Throwable cause = e.getCause() instanceof UncheckedIOException disk ? disk.getCause() : e.getCause();
            if (cause instanceof IOException disk) {
                throw disk;
            }
            throw new IOException(String.valueOf(cause == null ? e.getMessage() : cause.getMessage()), e);
        }
    }

    /** The adapters that a job stands on, as they were when it was created. */
    FrozenAdapters frozen(String jobId) throws IOException {
        SortedMap<String, AdapterVersion> controls = new TreeMap<>();
        jobs.controls(jobId, adapters).forEach(control -> controls.put(control.name(), version(control)));
        return new FrozenAdapters(
                jobs.under(jobId, adapters).stream().map(JobResults::version).toList(), controls);
    }

    private static AdapterVersion version(Named named) {
        return new AdapterVersion(named.name(), ContentHash.of(named.adapter()), named.adapter());
    }

    void keep(String jobId, FrozenAdapters frozen) throws IOException {
        List<Named> under = frozen.under().stream()
                .map(version -> new Named(version.name(), version.adapter()))
                .toList();
        List<Named> controls = frozen.controls().entrySet().stream()
                .map(control -> new Named(control.getKey(), control.getValue().adapter()))
                .toList();
        jobs.saveFrozen(jobId, under, controls, adapters);
    }

    /** Keeps a checkpoint, and lets go of those that are too many; returns its name. */
    String checkpoint(ObjectNode job, JobCheckpoint checkpoint, List<AdapterVersion> under, long now)
            throws IOException {
        ObjectNode object = JobObject.checkpoint(job, checkpoint, now);
        String id = JobObject.id(job);
        checkpoints.save(id, checkpoint, object);
        String name = object.path(CHECKPOINT_NAME).asText();
        publish(name, checkpoint.adapter(), under, id);
        for (ObjectNode gone : checkpoints.prune(id, KEPT_CHECKPOINTS)) {
            String old = gone.path(CHECKPOINT_NAME).asText();
            if (library.find(old).isPresent()) {
                await(library.delete(old));
            }
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
        if (library.find(name).isEmpty()) {
            publish(name, outcome.adapter(), under, JobObject.id(job));
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
