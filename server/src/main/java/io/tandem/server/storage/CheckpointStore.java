package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.scheduler.finetune.JobCheckpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checkpoints of jobs on disk, a directory each: the adapter in PEFT's layout, what is served of it if that is not all of it, the
 * best one so far if the job keeps it, everything else in {@code state.bin}, and OpenAI's checkpoint object. One has its
 * name only when all of it is on the disk, so a crash leaves either a whole checkpoint or none.
 */
public final class CheckpointStore {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointStore.class);
    private static final String DIRECTORY = "checkpoints";
    private static final String STATE = "state.bin";
    private static final String OBJECT = "checkpoint.json";
    private static final String PRUNED = "pruned";
    private static final String BEST = "best";
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final String PUBLISHED = "published";
    private static final String PREFIX = "step-";
    private static final String TRIAL = "trial-";
    /** Steps have up to ten digits, but nine are enough for a job of any size that ends. */
    private static final Pattern NAME = Pattern.compile(PREFIX + "[0-9]{8,9}");

    private final Path jobs;
    private final AdapterStore adapters;

    /** @param jobs the jobs' folders */
    public CheckpointStore(Path jobs, AdapterStore adapters) {
        this.jobs = jobs;
        this.adapters = adapters;
    }

    /**
     * What stands for a job's id where the checkpoints of a trial of its search are meant. They are in a folder of the
     * job's.
     */
    public static String trial(String jobId, int number) {
        return jobId + "/" + TRIAL + number;
    }

    /** Deletes all checkpoints of a job's trials. */
    public void deleteTrials(String jobId) throws IOException {
        for (Path trial : AtomicFiles.directories(jobs.resolve(jobId), name -> name.startsWith(TRIAL))) {
            AtomicFiles.remove(trial);
        }
    }

    /** Deletes all checkpoints of one trial. */
    public void deleteTrial(String jobId, int number) throws IOException {
        AtomicFiles.remove(jobs.resolve(trial(jobId, number)));
    }

    private Path directory(String jobId) {
        return jobs.resolve(jobId).resolve(DIRECTORY);
    }

    private Path directory(String jobId, int step) {
        return directory(jobId).resolve(String.format(Locale.ROOT, PREFIX + "%08d", step));
    }

    /** Writes a checkpoint, unless its step has one already; when this returns it survives a crash. */
    public void save(String jobId, JobCheckpoint checkpoint, ObjectNode object) throws IOException {
        Path target = directory(jobId, checkpoint.step());
        if (Files.exists(target)) {
            return;
        }
        AtomicFiles.create(target, unfinished -> {
            PeftFormat.write(unfinished, checkpoint.adapter());
            if (checkpoint.pruned().isPresent()) {
                PeftFormat.write(unfinished.resolve(PRUNED), checkpoint.pruned().get());
            }
            if (checkpoint.best().isPresent()) {
                PeftFormat.write(
                        unfinished.resolve(BEST), checkpoint.best().get().adapter());
            }
            CheckpointState.write(unfinished.resolve(STATE), checkpoint, weights(unfinished));
            Files.writeString(unfinished.resolve(OBJECT), object.toString());
        });
    }

    /** The files whose content the state vouches for. */
    private static List<Path> weights(Path directory) {
        List<Path> files = new ArrayList<>(List.of(directory.resolve(WEIGHTS)));
        for (String part : List.of(PRUNED, BEST)) {
            if (Files.exists(directory.resolve(part))) {
                files.add(directory.resolve(part).resolve(WEIGHTS));
            }
        }
        return files;
    }

    /** The last checkpoint that is whole; a broken one is reported, and the one before it tried. */
    public Optional<JobCheckpoint> latest(String jobId) throws IOException {
        List<Path> newestFirst = new ArrayList<>(list(jobId));
        Collections.reverse(newestFirst);
        for (Path directory : newestFirst) {
            try {
                return Optional.of(read(directory));
            } catch (IOException | RuntimeException e) {
                LOG.warn("checkpoint {} cannot be used: {}", directory, e.getMessage());
            }
        }
        return Optional.empty();
    }

    /** The checkpoint of a step. */
    public JobCheckpoint at(String jobId, int step) throws IOException {
        return read(directory(jobId, step));
    }

    /** Whether a step has a checkpoint. */
    public boolean has(String jobId, int step) {
        return Files.exists(directory(jobId, step));
    }

    private JobCheckpoint read(Path directory) throws IOException {
        return CheckpointState.read(
                directory.resolve(STATE),
                weights(directory),
                adapters.read(directory),
                part(directory.resolve(PRUNED)),
                part(directory.resolve(BEST)));
    }

    private Optional<Adapter> part(Path directory) throws IOException {
        return Files.exists(directory) ? Optional.of(adapters.read(directory)) : Optional.empty();
    }

    /** The adapters of a job's checkpoints that were never {@link #setPublished}, by their steps. */
    public SortedMap<Integer, Adapter> unpublished(String jobId) throws IOException {
        SortedMap<Integer, Adapter> unpublished = new TreeMap<>();
        for (Path directory : list(jobId)) {
            if (!Files.exists(directory.resolve(PUBLISHED))) {
                try {
                    Path pruned = directory.resolve(PRUNED);
                    unpublished.put(step(directory), adapters.read(Files.exists(pruned) ? pruned : directory));
                } catch (RuntimeException e) {
                    LOG.warn("checkpoint {} is not served: {}", directory, e.getMessage());
                }
            }
        }
        return unpublished;
    }

    /** Remembers that a checkpoint could be called, so that nobody brings it back when a client has deleted it. */
    public void setPublished(String jobId, int step) throws IOException {
        AtomicFiles.write(directory(jobId, step).resolve(PUBLISHED), "");
    }

    /** OpenAI's checkpoint objects of a job, the oldest first; those that are damaged are left out. */
    public List<ObjectNode> objects(String jobId) throws IOException {
        return list(jobId).stream()
                .flatMap(directory -> StoredJson.read(directory.resolve(OBJECT)).stream())
                .toList();
    }

    /** The steps of all checkpoints but the last few. */
    public List<Integer> oldest(String jobId, int others) throws IOException {
        List<Path> all = list(jobId);
        return all.subList(0, Math.max(0, all.size() - others)).stream()
                .map(CheckpointStore::step)
                .toList();
    }

    /** Deletes a checkpoint. */
    public void delete(String jobId, int step) throws IOException {
        AtomicFiles.remove(directory(jobId, step));
    }

    private List<Path> list(String jobId) throws IOException {
        return AtomicFiles.directories(directory(jobId), NAME.asMatchPredicate());
    }

    private static int step(Path directory) {
        return Integer.parseInt(directory.getFileName().toString().substring(PREFIX.length()));
    }
}
