package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.blob.DamagedBlobException;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
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
 * Stored checkpoints of jobs: OpenAI's checkpoint object, and a directory with the adapter in PEFT's layout, what is served
 * of it if that is not all of it, the best one so far if the job keeps it, and everything else in {@code state.bin}. The
 * object comes last, so a crash leaves either a whole checkpoint or none.
 */
public final class CheckpointStore {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointStore.class);
    static final String COLLECTION = "checkpoints";
    static final String DIRECTORY = "checkpoints";
    private static final String STATE = "state.bin";
    private static final String OBJECT = "object";
    private static final String PRUNED = "pruned";
    private static final String BEST = "best";
    private static final String WEIGHTS = "adapter_model.safetensors";
    private static final String PUBLISHED = "published";
    static final String PREFIX = "step-";
    static final String TRIAL = "trial-";
    /** Steps have up to ten digits, but nine are enough for a job of any size that ends. */
    static final Pattern NAME = Pattern.compile(PREFIX + "[0-9]{8,9}");

    private final Storage storage;
    private final AdapterStore adapters;

    public CheckpointStore(Storage storage, AdapterStore adapters) {
        this.storage = storage;
        this.adapters = adapters;
    }

    /**
     * What stands for a job's id where the checkpoints of a trial of its search are meant. Their keys begin with the
     * job's.
     */
    public static String trial(String jobId, int number) {
        return jobId + "/" + TRIAL + number;
    }

    /** Deletes all checkpoints of a job's trials. */
    public void deleteTrials(String jobId) throws IOException {
        deleteAll(Keys.job(jobId) + "/" + TRIAL);
    }

    /** Deletes all checkpoints of one trial. */
    public void deleteTrial(String jobId, int number) throws IOException {
        deleteAll(directory(trial(jobId, number)));
    }

    private void deleteAll(String prefix) throws IOException {
        List<String> keys = storage.documents().ids(COLLECTION, prefix);
        if (!keys.isEmpty()) {
            storage.delete(keys, deletions(keys));
        }
    }

    /** What deletes the documents of all checkpoints whose keys begin with a text. */
    static List<Change> deletions(Storage storage, String prefix) throws IOException {
        return deletions(storage.documents().ids(COLLECTION, prefix));
    }

    private static List<Change> deletions(List<String> keys) {
        return keys.stream()
                .<Change>map(key -> new Change.Delete(COLLECTION, key))
                .toList();
    }

    /** The beginning of the keys of a job's checkpoints, which are those of their documents too. */
    private static String directory(String jobId) {
        return Keys.job(jobId) + "/" + DIRECTORY + "/";
    }

    static String key(String jobId, int step) {
        return directory(jobId) + String.format(Locale.ROOT, PREFIX + "%08d", step);
    }

    /** Writes a checkpoint, unless its step has a whole one already; when this returns it survives a crash. */
    public void save(String jobId, JobCheckpoint checkpoint, ObjectNode object) throws IOException {
        String key = key(jobId, checkpoint.step());
        boolean known = has(jobId, checkpoint.step());
        if (known && whole(key).isPresent()) {
            return;
        }
        storage.make(
                key,
                blobs -> blobs.put(key, unfinished -> write(unfinished, checkpoint)),
                () -> known ? List.of() : List.of(put(key, object, false)));
    }

    static Change put(String key, ObjectNode object, boolean published) {
        ObjectNode document = JsonBody.MAPPER.createObjectNode();
        document.set(OBJECT, object);
        return new Change.Put(COLLECTION, key, document.put(PUBLISHED, published));
    }

    private void write(Path unfinished, JobCheckpoint checkpoint) throws IOException {
        adapters.write(unfinished, checkpoint.adapter());
        if (checkpoint.pruned().isPresent()) {
            adapters.write(unfinished.resolve(PRUNED), checkpoint.pruned().get());
        }
        if (checkpoint.best().isPresent()) {
            adapters.write(unfinished.resolve(BEST), checkpoint.best().get().adapter());
        }
        CheckpointState.write(unfinished.resolve(STATE), checkpoint, weights(unfinished));
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

    /**
     * The last checkpoint that is whole; a broken one is reported, and the one before it tried.
     *
     * @throws IOException if one cannot be read for now: nothing says that it is broken
     */
    public Optional<JobCheckpoint> latest(String jobId) throws IOException {
        List<String> newestFirst = new ArrayList<>(keys(jobId));
        Collections.reverse(newestFirst);
        for (String key : newestFirst) {
            Optional<JobCheckpoint> found = whole(key);
            if (found.isPresent()) {
                return found;
            }
        }
        return Optional.empty();
    }

    /** A checkpoint; empty, and reported, if it is broken. */
    private Optional<JobCheckpoint> whole(String key) throws IOException {
        try {
            return Optional.of(storage.readBlob(key, this::read));
        } catch (NoSuchFileException | DamagedBlobException | DamagedCheckpointException | RuntimeException e) {
            LOG.warn("checkpoint {} cannot be used: {}", key, e.getMessage());
            return Optional.empty();
        }
    }

    /** The checkpoint of a step. */
    public JobCheckpoint at(String jobId, int step) throws IOException {
        return storage.readBlob(key(jobId, step), this::read);
    }

    /** Whether a step has a checkpoint. */
    public boolean has(String jobId, int step) throws IOException {
        return keys(jobId).contains(key(jobId, step));
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
        for (Documents.Document checkpoint : list(jobId)) {
            if (!checkpoint.body().path(PUBLISHED).asBoolean()) {
                try {
                    unpublished.put(step(checkpoint.id()), storage.readBlob(checkpoint.id(), this::readServed));
                } catch (NoSuchFileException | RuntimeException e) {
                    LOG.warn("checkpoint {} is not served: {}", checkpoint.id(), e.getMessage());
                }
            }
        }
        return unpublished;
    }

    private Adapter readServed(Path directory) {
        Path pruned = directory.resolve(PRUNED);
        return adapters.read(Files.exists(pruned) ? pruned : directory);
    }

    /** Remembers that a checkpoint could be called, so that nobody brings it back when a client has deleted it. */
    public void setPublished(String jobId, int step) throws IOException {
        String key = key(jobId, step);
        Optional<ObjectNode> document = storage.get(COLLECTION, key);
        if (document.isPresent()) {
            storage.write(new Change.Put(COLLECTION, key, document.get().put(PUBLISHED, true)));
        }
    }

    /** OpenAI's checkpoint objects of a job, the oldest first; those that are damaged are left out. */
    public List<ObjectNode> objects(String jobId) throws IOException {
        List<ObjectNode> objects = new ArrayList<>();
        for (Documents.Document checkpoint : list(jobId)) {
            if (checkpoint.body().path(OBJECT) instanceof ObjectNode object) {
                objects.add(object);
            }
        }
        return objects;
    }

    /** The steps of all checkpoints but the last few. */
    public List<Integer> oldest(String jobId, int others) throws IOException {
        List<String> all = keys(jobId);
        return all.subList(0, Math.max(0, all.size() - others)).stream()
                .map(CheckpointStore::step)
                .toList();
    }

    /** Deletes a checkpoint. */
    public void delete(String jobId, int step) throws IOException {
        String key = key(jobId, step);
        storage.delete(List.of(key), deletions(List.of(key)));
    }

    private List<Documents.Document> list(String jobId) throws IOException {
        return storage.list(COLLECTION, directory(jobId)).stream()
                .filter(document -> isStep(document.id()))
                .toList();
    }

    /** Damaged objects too, since their checkpoints may be whole. */
    private List<String> keys(String jobId) throws IOException {
        return storage.documents().ids(COLLECTION, directory(jobId)).stream()
                .filter(CheckpointStore::isStep)
                .toList();
    }

    private static boolean isStep(String key) {
        return NAME.matcher(key.substring(key.lastIndexOf('/') + 1)).matches();
    }

    private static int step(String key) {
        return Integer.parseInt(key.substring(key.lastIndexOf('/') + 1 + PREFIX.length()));
    }
}
