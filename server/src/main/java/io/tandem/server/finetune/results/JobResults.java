package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.FinetuneConfig;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.request.FrozenAdapters;
import io.tandem.server.finetune.request.JobDistillation;
import io.tandem.server.finetune.request.JobSpec;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.AdapterStore.Named;
import io.tandem.server.storage.CheckpointStore;
import io.tandem.server.storage.FileStore;
import io.tandem.server.storage.JobStore;
import io.tandem.server.storage.blob.Blobs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What comes out of jobs: checkpoints, adapters, tables. Each is on disk before it can be called. For one thread.
 *
 * @param files of a tenant; tables go there
 * @param jobs folders of the jobs
 * @param checkpoints in those folders
 * @param adapters reads and writes what jobs stand on
 * @param libraries of a tenant; names that can be called
 * @param config how much of it stays
 */
public record JobResults(
        Function<TenantId, FileStore> files,
        JobStore jobs,
        CheckpointStore checkpoints,
        AdapterStore adapters,
        Function<TenantId, AdapterLibrary> libraries,
        FinetuneConfig config) {

    private static final Logger LOG = LoggerFactory.getLogger(JobResults.class);
    private static final String PURPOSE = "fine-tune-results";

    private FileStore files(ObjectNode job) {
        return files.apply(JobObject.tenant(job));
    }

    private AdapterLibrary library(ObjectNode job) {
        return libraries.apply(JobObject.tenant(job));
    }

    /** Makes the checkpoints of a job callable that an earlier run wrote and did not come to publish. */
    public void publishCheckpoints(ObjectNode job) throws IOException {
        if (makesBase(job)) {
            return;
        }
        SortedMap<Integer, Adapter> unpublished = checkpoints.unpublished(JobObject.id(job));
        if (unpublished.isEmpty()) {
            return;
        }
        List<Adapter> below =
                jobs.under(job, adapters).stream().map(Named::adapter).toList();
        for (Map.Entry<Integer, Adapter> checkpoint : unpublished.entrySet()) {
            publishCheckpoint(job, checkpoint.getKey(), checkpoint.getValue(), below);
        }
    }

    /** Then its checkpoints are there to go on from, and cannot be called. */
    private static boolean makesBase(ObjectNode job) {
        return JobObject.spec(job).method().makesBase();
    }

    private String publishCheckpoint(ObjectNode job, int step, Adapter adapter, List<Adapter> below)
            throws IOException {
        String name = JobObject.checkpointName(job, step);
        publish(job, name, adapter, below);
        checkpoints.setPublished(JobObject.id(job), step);
        return name;
    }

    private void publish(ObjectNode job, String name, Adapter adapter, List<Adapter> below) throws IOException {
        AdapterLibrary library = library(job);
        if (library.find(name).isEmpty()) {
            await(library.publishTrained(name, adapter, below, "trained by " + JobObject.id(job)));
        }
    }

    private static void await(CompletableFuture<?> change) throws IOException {
        try {
            change.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof UncheckedIOException disk) {
                throw disk.getCause();
            }
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /** The adapters that a job stands on, as they were when it was created. */
    public FrozenAdapters frozen(ObjectNode job) throws IOException {
        AdapterLibrary library = library(job);
        SortedMap<String, AdapterVersion> controls = new TreeMap<>();
        jobs.controls(job, adapters).forEach(control -> controls.put(control.name(), prepared(library, control)));
        return new FrozenAdapters(
                jobs.under(job, adapters).stream()
                        .map(named -> prepared(library, named))
                        .toList(),
                controls);
    }

    private static AdapterVersion prepared(AdapterLibrary library, Named named) {
        return library.prepared(named.name(), named.adapter());
    }

    /** What a job has learned, to be asked by the job itself. */
    public AdapterVersion learned(ObjectNode job, Adapter adapter) {
        return library(job).prepared(JobObject.modelName(job), adapter);
    }

    private static List<Adapter> weights(List<AdapterVersion> versions) {
        return versions.stream().map(AdapterVersion::adapter).toList();
    }

    /** Makes a job's folder, with copies of all that it reads. */
    public void create(ObjectNode job, JobSpec spec, FrozenAdapters frozen) throws IOException {
        Set<String> read = new LinkedHashSet<>(List.of(spec.trainingFile()));
        spec.validationFile().ifPresent(read::add);
        List<Named> under = frozen.under().stream()
                .map(version -> new Named(version.name(), version.adapter()))
                .toList();
        List<Named> controls = frozen.controls().entrySet().stream()
                .map(control -> new Named(control.getKey(), control.getValue().adapter()))
                .toList();
        jobs.create(job, new JobStore.Inputs(read, under, controls), files(job), adapters);
    }

    /** Keeps a checkpoint, and lets go of those that are too many; returns the name that it can be called by, if it can. */
    public Optional<String> checkpoint(ObjectNode job, JobCheckpoint checkpoint, List<AdapterVersion> under, long now)
            throws IOException {
        ObjectNode object = JobObject.checkpoint(job, checkpoint, now);
        String id = JobObject.id(job);
        if (makesBase(job)) {
            object.remove(JobObject.CALLED);
        }
        checkpoints.save(id, checkpoint, object);
        Optional<String> name = makesBase(job)
                ? Optional.empty()
                : Optional.of(publishCheckpoint(job, checkpoint.step(), checkpoint.served(), weights(under)));
        deleteCheckpoints(job, FinetuneConfig.CHECKPOINTS_MAX);
        return name;
    }

    /** Keeps a checkpoint of a search's trial, which cannot be called. */
    public void trialCheckpoint(ObjectNode job, int trial, JobCheckpoint checkpoint, long now) throws IOException {
        checkpoints.save(trialId(job, trial), checkpoint, JobObject.checkpoint(job, checkpoint, now));
    }

    public boolean hasCheckpoint(ObjectNode job, int step) throws IOException {
        return checkpoints.has(JobObject.id(job), step);
    }

    public boolean hasTrialCheckpoint(ObjectNode job, int trial, int step) throws IOException {
        return checkpoints.has(trialId(job, trial), step);
    }

    /** The adapter of a search's trial after a step. */
    Adapter trialAdapter(ObjectNode job, int trial, int step) throws IOException {
        return checkpoints.at(trialId(job, trial), step).served();
    }

    /** What stands for the job's id where a trial's checkpoints are meant. */
    private static String trialId(ObjectNode job, int trial) {
        return CheckpointStore.trial(JobObject.id(job), trial);
    }

    /** Lets go of a trial that is out of the search. */
    public void dropTrial(ObjectNode job, int trial) {
        try {
            checkpoints.deleteTrial(JobObject.id(job), trial);
        } catch (IOException e) {
            LOG.warn("trial {} of job {} is still on disk: {}", trial, JobObject.id(job), e.toString());
        }
    }

    /** What a job goes on from. */
    public Optional<JobCheckpoint> latestCheckpoint(ObjectNode job) throws IOException {
        return checkpoints.latest(JobObject.id(job));
    }

    /** What a search's trial goes on from. */
    public Optional<JobCheckpoint> latestTrialCheckpoint(ObjectNode job, int trial) throws IOException {
        return checkpoints.latest(trialId(job, trial));
    }

    /**
     * Deletes the checkpoints that a job which has ended need not keep. If that fails they only take space, and the next
     * start tries again.
     */
    public void thinOut(ObjectNode job) {
        // Of a job without a result, the newest checkpoint is all that is left.
        int least = JobObject.status(job).equals(JobObject.SUCCEEDED) ? 0 : 1;
        try {
            checkpoints.deleteTrials(JobObject.id(job));
            deleteCheckpoints(job, Math.max(least, config.keepCheckpoints()));
        } catch (IOException | RuntimeException e) {
            LOG.warn("old checkpoints of job {} are still on disk: {}", JobObject.id(job), e.toString());
        }
    }

    /** Deletes all but the newest; those that are pinned can still be called. */
    private void deleteCheckpoints(ObjectNode job, int keep) throws IOException {
        String id = JobObject.id(job);
        AdapterLibrary library = library(job);
        for (int step : checkpoints.oldest(id, keep)) {
            String name = JobObject.checkpointName(job, step);
            if (library.find(name).filter(entry -> !entry.pinned()).isPresent()) {
                await(library.delete(name));
            }
            checkpoints.delete(id, step);
        }
    }

    /** A job's copy of a file; the file itself for jobs of servers that made no copies. */
    public Optional<FileChannel> open(ObjectNode job, String file) throws IOException {
        Optional<FileChannel> copy = jobs.open(JobObject.id(job), file);
        return copy.isPresent() ? copy : files(job).open(file);
    }

    /** OpenAI's checkpoint objects of a job, of those that can be called, the newest first. */
    public List<ObjectNode> checkpoints(String jobId) throws IOException {
        List<ObjectNode> newestFirst = new ArrayList<>(checkpoints.objects(jobId));
        newestFirst.removeIf(object -> !object.has(JobObject.CALLED));
        Collections.reverse(newestFirst);
        return newestFirst;
    }

    /** Keeps a job's adapter and puts its name into the job. */
    String succeed(ObjectNode job, Succeeded outcome, List<AdapterVersion> under) throws IOException {
        String name = JobObject.modelName(job);
        publish(job, name, outcome.adapter(), weights(under));
        job.put("fine_tuned_model", name);
        return name;
    }

    /** Makes a file of the job's table and puts its id into the job. */
    void table(ObjectNode job, long now) throws IOException {
        addFile(job, jobs.table(JobObject.id(job)), "step_metrics.csv", now);
    }

    /** Makes a file of a text and puts its id into the job. */
    void file(ObjectNode job, String name, String content, long now) throws IOException {
        addFile(job, JobStore.text(content), name, now);
    }

    /** Makes a file a result of the job and puts its id into it. */
    void file(ObjectNode job, Path made, String name, long now) throws IOException {
        addResult(job, files(job).add(made, name, PURPOSE, now));
    }

    /** Makes a training file of the examples that were kept, and puts its id into the job; returns it. */
    String distilled(ObjectNode job, DistilledFile distilled, long now) throws IOException {
        ObjectNode source = JsonBody.MAPPER.createObjectNode();
        source.put("type", JobDistillation.TYPE);
        source.put("fine_tuning_job_id", JobObject.id(job));
        source.set("training_file", job.path("training_file"));
        count(distilled, source);
        ObjectNode file = files(job).add(distilled.examples(), DistilledFile.FILE, "fine-tune", source, now);
        String id = addResult(job, file);
        count(distilled, job.putObject(JobDistillation.TYPE).put("file", id));
        return id;
    }

    /** Says how many examples there are, and how it came to them. */
    private static void count(DistilledFile distilled, ObjectNode object) {
        object.put("examples", distilled.kept()).put("of", distilled.of());
        distilled
                .written()
                .ifPresent(written -> object.putObject("written")
                        .put("begun", written.begun())
                        .put("unfinished", written.unfinished())
                        .put("verbatim", written.verbatim())
                        .put("repeated", written.repeated()));
    }

    /** A file that is gone when the job ends, unless it has become a result. */
    public Path scratch(ObjectNode job, String name, JobStore.Content content) throws IOException {
        return jobs.scratch(JobObject.id(job), name, content);
    }

    private void addFile(ObjectNode job, Blobs.Writing writing, String name, long now) throws IOException {
        addResult(job, files(job).make(writing, name, PURPOSE, now));
    }

    private static String addResult(ObjectNode job, ObjectNode file) {
        String id = file.path("id").asText();
        job.withArrayProperty("result_files").add(id);
        return id;
    }
}
