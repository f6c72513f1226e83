package io.tandem.server.storage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.storage.AdapterStore.Named;
import io.tandem.server.storage.blob.Blobs;
import io.tandem.server.storage.document.Change;
import java.io.IOException;
import java.io.Writer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Stored fine-tuning jobs: OpenAI's job object, its events, its numbers, and copies of what it reads, which stay the same
 * whatever becomes of the files and adapters that it was created with.
 */
public final class JobStore {
    static final String COLLECTION = "jobs";
    static final Pattern ID = Pattern.compile("ftjob-[0-9a-f]{1,64}");
    private static final String UNDER = "under";
    private static final String BASE = "base";
    private static final String SCRATCH = "scratch";
    private static final String CONTROLS = "controls";
    private static final String DAMAGED = "an adapter that the job stands on is missing, changed or damaged";
    /** In the job's object: hashes of the adapters in a folder, in its order. */
    private static final String HASHES = "_hashes";

    private final Storage storage;
    private final Path folders;

    /** @param folders where each job has one for what TensorBoard shows */
    public JobStore(Storage storage, Path folders) {
        this.storage = storage;
        this.folders = folders;
    }

    /**
     * What a job reads.
     *
     * @param files ids
     * @param under adapters below all examples
     * @param controls adapters by their labels
     */
    public record Inputs(Set<String> files, List<Named> under, List<Named> controls) {}

    /** Keeps a job with copies of its inputs; when this returns it survives a crash. */
    public void create(ObjectNode job, Inputs inputs, FileStore files, AdapterStore adapters) throws IOException {
        String id = id(job);
        storage.make(
                Keys.job(id),
                blobs -> {
                    for (String file : inputs.files()) {
                        files.keep(file, copies(id) + "/" + file);
                    }
                    putHashes(job, UNDER, adapters.writeAll(blobs, folder(id, UNDER), inputs.under()));
                    putHashes(job, CONTROLS, adapters.writeAll(blobs, folder(id, CONTROLS), inputs.controls()));
                },
                () -> List.of(put(job)));
    }

    private static String id(ObjectNode job) {
        return job.path("id").asText();
    }

    private static Change put(ObjectNode job) {
        return new Change.Put(COLLECTION, id(job), job);
    }

    private static String folder(String jobId, String name) {
        return Keys.job(jobId) + "/" + name + "/";
    }

    /** All copies of a job's files. */
    private static String copies(String jobId) {
        return Keys.job(jobId) + "/files";
    }

    private static void putHashes(ObjectNode job, String folder, List<ContentHash> hashes) {
        ArrayNode array = job.putArray(folder + HASHES);
        hashes.forEach(hash -> array.add(hash.hex()));
    }

    /** The job as clients see it. */
    public static ObjectNode withoutHashes(ObjectNode job) {
        return job.deepCopy().remove(List.of(UNDER + HASHES, CONTROLS + HASHES));
    }

    /** Writes the object of a job that was created; when this returns it survives a crash. */
    public void save(ObjectNode job) throws IOException {
        storage.write(put(job));
    }

    /** Deletes a job with all that it has. */
    public void delete(String jobId) throws IOException {
        List<Change> changes = new ArrayList<>(CheckpointStore.deletions(storage, Keys.job(jobId)));
        changes.add(new Change.Delete(COLLECTION, jobId));
        changes.add(new Change.Clear(EventLog.name(jobId)));
        changes.add(new Change.Clear(JobMetrics.log(jobId)));
        changes.add(new Change.Clear(written(jobId)));
        storage.delete(List.of(Keys.job(jobId)), changes);
        AtomicFiles.delete(folders.resolve(jobId));
    }

    /** Lets go of a job's copies of files, which it needs no more. */
    public void deleteFiles(String jobId) throws IOException {
        storage.delete(List.of(copies(jobId)), List.of(new Change.Clear(written(jobId))));
        AtomicFiles.delete(folders.resolve(jobId).resolve(SCRATCH));
    }

    /** The job's copy of a file, for whoever closes it. */
    public Optional<FileChannel> open(String jobId, String file) throws IOException {
        return FileStore.isId(file) ? storage.open(copies(jobId) + "/" + file) : Optional.empty();
    }

    /** Adds an event; the last ones may be lost in a crash. */
    public void append(String jobId, ObjectNode event) throws IOException {
        log(jobId).append(event);
    }

    /** Where the job's numbers go, from the step after this one. */
    public JobMetrics metrics(String jobId, int stepsPerEpoch, int step, Clock clock) {
        return new JobMetrics(storage, jobId, folders.resolve(jobId), new JobMetrics.Start(stepsPerEpoch, step), clock);
    }

    /** The table of the job's numbers. */
    public Blobs.Writing table(String jobId) throws IOException {
        List<String> lines = JobMetrics.table(storage, jobId);
        if (lines.isEmpty()) {
            throw new NoSuchFileException("the table of " + jobId);
        }
        return text(String.join("\n", lines) + "\n");
    }

    /** A result of a job. */
    public static Blobs.Writing text(String content) {
        return target -> Files.writeString(target, content);
    }

    /**
     * Writes a base model that the job made beside it, unless it is there already; when this returns it survives a crash.
     *
     * @param writing puts its files into a directory
     * @return where it is: from the data directory on, or in a bucket
     */
    public String base(String jobId, Blobs.Writing writing) throws IOException {
        String key = Keys.job(jobId) + "/" + BASE;
        if (!storage.blobs().exists(key)) {
            storage.blobs().put(key, unfinished -> {
                Files.createDirectories(unfinished);
                writing.into(unfinished);
            });
        }
        return storage.blobs().place(key);
    }

    /** What comes into a file. */
    @FunctionalInterface
    public interface Content {
        void write(Writer out) throws IOException;
    }

    /** A file beside the job's copies of files, to be moved away; otherwise it goes when they go. */
    public Path scratch(String jobId, String name, Content content) throws IOException {
        Path file = folders.resolve(jobId).resolve(SCRATCH).resolve(name);
        Files.createDirectories(file.getParent());
        try (Writer out = Files.newBufferedWriter(file)) {
            content.write(out);
        }
        return file;
    }

    private static String written(String jobId) {
        return "written/" + jobId;
    }

    /** Lines that the job has written by now; they go when its copies of files go. */
    public List<String> writtenLines(String jobId) throws IOException {
        return storage.lines(written(jobId));
    }

    /** Adds a line that the job has written; the last ones may be lost in a crash. */
    public void appendWritten(String jobId, String line) throws IOException {
        storage.writeSoon(new Change.Append(written(jobId), line));
    }

    /** The adapters below all examples, as they were when the job was created. */
    public List<Named> under(ObjectNode job, AdapterStore adapters) throws IOException {
        return adapters(job, UNDER, adapters);
    }

    /** The controls as they were when the job was created, by their labels. */
    public List<Named> controls(ObjectNode job, AdapterStore adapters) throws IOException {
        return adapters(job, CONTROLS, adapters);
    }

    private List<Named> adapters(ObjectNode job, String folder, AdapterStore adapters) throws IOException {
        List<Named> found;
        try {
            found = adapters.readAll(folder(id(job), folder));
        } catch (AdapterFormatException e) {
            throw new AdapterFormatException(DAMAGED, e);
        }
        JsonNode expected = job.path(folder + HASHES);
        List<String> hashes = new ArrayList<>();
        expected.forEach(hash -> hashes.add(hash.asText()));
        List<String> read = found.stream()
                .map(named -> ContentHash.of(named.adapter()).hex())
                .toList();
        if (expected.isArray() && !hashes.equals(read)) {
            throw new AdapterFormatException(DAMAGED);
        }
        return found;
    }

    /** All job objects; a broken one is reported and left alone. */
    public List<ObjectNode> loadAll() throws IOException {
        return storage.loadAll(COLLECTION, ID.asMatchPredicate());
    }

    /** Events of a job; see {@link EventLog#newest}. */
    public Optional<List<ObjectNode>> events(String jobId, @Nullable String after, int limit) throws IOException {
        return log(jobId).newest(after, limit);
    }

    private EventLog log(String jobId) {
        return new EventLog(storage, jobId);
    }
}
