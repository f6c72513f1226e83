package io.tandem.server.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checkpoints of jobs on disk, a directory each: the adapter in PEFT's layout, the best one so far if the job keeps it,
 * everything else in {@code state.bin}, and OpenAI's checkpoint object. One has its name only when all of it is on the
 * disk, so a crash leaves either a whole checkpoint or none.
 */
public final class CheckpointStore {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointStore.class);
    private static final String DIRECTORY = "checkpoints";
    private static final String STATE = "state.bin";
    private static final String OBJECT = "checkpoint.json";
    private static final String BEST = "best";
    private static final String WEIGHTS = "adapter_model.safetensors";

    private final Path jobs;
    private final AdapterStore adapters;

    /** @param jobs the jobs' folders */
    public CheckpointStore(Path jobs, AdapterStore adapters) {
        this.jobs = jobs;
        this.adapters = adapters;
    }

    /** An adapter of a checkpoint, and OpenAI's object about it. */
    public record Stored(ObjectNode object, Adapter adapter) {}

    private Path directory(String jobId) {
        return jobs.resolve(jobId).resolve(DIRECTORY);
    }

    private Path directory(String jobId, int step) {
        return directory(jobId).resolve(String.format("step-%08d", step));
    }

    /** Writes a checkpoint, unless its step has one already; when this returns it survives a crash. */
    public void save(String jobId, JobCheckpoint checkpoint, ObjectNode object) throws IOException {
        Path target = directory(jobId, checkpoint.step());
        if (Files.exists(target)) {
            return;
        }
        AtomicFiles.createDirectories(directory(jobId));
        AtomicFiles.create(target, unfinished -> {
            PeftFormat.write(unfinished, checkpoint.adapter());
            if (checkpoint.best().isPresent()) {
                PeftFormat.write(
                        unfinished.resolve(BEST), checkpoint.best().get().adapter());
            }
            Files.write(unfinished.resolve(STATE), CheckpointState.encode(checkpoint, weights(unfinished)));
            Files.writeString(unfinished.resolve(OBJECT), object.toString());
        });
    }

    /** The files whose content the state vouches for. */
    private static List<Path> weights(Path directory) {
        List<Path> files = new ArrayList<>(List.of(directory.resolve(WEIGHTS)));
        if (Files.exists(directory.resolve(BEST))) {
            files.add(directory.resolve(BEST).resolve(WEIGHTS));
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
            } catch (IOException | AdapterFormatException e) {
                LOG.warn("checkpoint {} cannot be used: {}", directory, e.getMessage());
            }
        }
        return Optional.empty();
    }

    private JobCheckpoint read(Path directory) throws IOException {
        Path best = directory.resolve(BEST);
        return CheckpointState.decode(
                Files.readAllBytes(directory.resolve(STATE)),
                weights(directory),
                adapters.read(directory),
                Files.exists(best) ? Optional.of(adapters.read(best)) : Optional.empty());
    }

    /** All checkpoints of a job that can be called, the oldest first. */
    public List<Stored> loadAll(String jobId) throws IOException {
        List<Stored> all = new ArrayList<>();
        for (Path directory : list(jobId)) {
            try {
                if (object(directory) instanceof ObjectNode object) {
                    all.add(new Stored(object, adapters.read(directory)));
                }
            } catch (IOException | AdapterFormatException e) {
                LOG.warn("checkpoint {} is not served: {}", directory, e.getMessage());
            }
        }
        return all;
    }

    /** OpenAI's checkpoint objects of a job, the oldest first. */
    public List<ObjectNode> objects(String jobId) throws IOException {
        List<ObjectNode> objects = new ArrayList<>();
        for (Path directory : list(jobId)) {
            try {
                if (object(directory) instanceof ObjectNode object) {
                    objects.add(object);
                }
            } catch (JsonProcessingException e) {
                LOG.warn("checkpoint {} is not listed: {}", directory, e.getOriginalMessage());
            }
        }
        return objects;
    }

    private static Object object(Path directory) throws IOException {
        return JsonBody.MAPPER.readTree(Files.readString(directory.resolve(OBJECT)));
    }

    /** Deletes all but the last few; returns the objects of those that are gone. */
    public List<ObjectNode> prune(String jobId, int keep) throws IOException {
        List<ObjectNode> gone = new ArrayList<>();
        List<Path> all = list(jobId);
        for (Path directory : all.subList(0, Math.max(0, all.size() - keep))) {
            if (object(directory) instanceof ObjectNode object) {
                gone.add(object);
            }
            AtomicFiles.remove(directory);
        }
        return gone;
    }

    private List<Path> list(String jobId) throws IOException {
        return AtomicFiles.directories(directory(jobId));
    }
}
