package io.tandem.server.storage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.storage.AdapterStore.Named;
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
 * Fine-tuning jobs on disk, a folder each: OpenAI's job object, a line for each event, its numbers, and copies of what it
 * reads, which stay the same whatever becomes of the files and adapters that it was created with.
 */
public final class JobStore {
    private static final Pattern ID = Pattern.compile("ftjob-[0-9a-f]{1,64}");
    private static final String OBJECT = "job.json";
    private static final String EVENTS = "events.jsonl";
    private static final String FILES = "files";
    private static final String UNDER = "under";
    private static final String BASE = "base";
    private static final String CONTROLS = "controls";
    private static final String DAMAGED = "an adapter that the job stands on is missing, changed or damaged";
    /** In the job's object: hashes of the adapters in a folder, in its order. */
    private static final String HASHES = "_hashes";

    private final Path root;

    public JobStore(Path root) {
        this.root = root;
    }

    /**
     * What a job reads.
     *
     * @param files ids
     * @param under adapters below all examples
     * @param controls adapters by their labels
     */
    public record Inputs(Set<String> files, List<Named> under, List<Named> controls) {}

    /** Makes a job's folder with its object and copies of its inputs; when this returns it survives a crash. */
    public void create(ObjectNode job, Inputs inputs, FileStore files, AdapterStore adapters) throws IOException {
        AtomicFiles.create(folder(job.path("id").asText()), unfinished -> {
            Path kept = Files.createDirectories(unfinished.resolve(FILES));
            for (String file : inputs.files()) {
                files.keep(file, kept.resolve(file));
            }
            putHashes(job, UNDER, adapters.writeAll(unfinished.resolve(UNDER), inputs.under()));
            putHashes(job, CONTROLS, adapters.writeAll(unfinished.resolve(CONTROLS), inputs.controls()));
            Files.writeString(unfinished.resolve(OBJECT), job.toPrettyString());
        });
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
        AtomicFiles.write(folder(job.path("id").asText()).resolve(OBJECT), job.toPrettyString());
    }

    /** Deletes a job with all that is in its folder. */
    public void delete(String jobId) throws IOException {
        AtomicFiles.remove(folder(jobId));
    }

    /** Lets go of a job's copies of files, which it needs no more. */
    public void deleteFiles(String jobId) throws IOException {
        AtomicFiles.delete(folder(jobId).resolve(FILES));
    }

    /** The job's copy of a file, for whoever closes it. */
    public Optional<FileChannel> open(String jobId, String file) throws IOException {
        return FileStore.isId(file)
                ? FileStore.open(folder(jobId).resolve(FILES).resolve(file))
                : Optional.empty();
    }

    /** Adds an event; the last ones may be lost in a crash. */
    public void append(String jobId, ObjectNode event) throws IOException {
        log(jobId).append(event);
    }

    /** Where the job's numbers go, from the step after this one. */
    public JobMetrics metrics(String jobId, int stepsPerEpoch, int step, Clock clock) {
        return new JobMetrics(folder(jobId), stepsPerEpoch, step, clock);
    }

    /** A copy of the table of the job's numbers, to be moved away. */
    public Path copyTable(String jobId) throws IOException {
        Path table = JobMetrics.table(folder(jobId));
        if (!Files.isRegularFile(table)) {
            throw new NoSuchFileException(table.toString());
        }
        return Files.copy(table, AtomicFiles.unfinished(table));
    }

    /** Writes the files of a model. */
    @FunctionalInterface
    public interface ModelWriting {
        void into(Path directory) throws IOException;
    }

    /**
     * Writes a base model that the job made into its folder, unless it is there already; when this returns it survives a crash.
     *
     * @return where it is, from the data directory on
     */
    public String base(String jobId, ModelWriting writing) throws IOException {
        Path target = folder(jobId).resolve(BASE);
        if (!Files.exists(target)) {
            AtomicFiles.create(target, unfinished -> {
                Files.createDirectories(unfinished);
                writing.into(unfinished);
            });
        }
        return root.getFileName() + "/" + jobId + "/" + BASE;
    }

    /** A new file with a result of the job, to be moved away. */
    public Path result(String jobId, String content) throws IOException {
        return Files.writeString(AtomicFiles.unfinished(folder(jobId).resolve("result")), content);
    }

    /** What comes into a file. */
    @FunctionalInterface
    public interface Content {
        void write(Writer out) throws IOException;
    }

    /** A file beside the job's copies of files, to be moved away; otherwise it goes when they go. */
    public Path scratch(String jobId, String name, Content content) throws IOException {
        Path file = folder(jobId).resolve(FILES).resolve(name);
        try (Writer out = Files.newBufferedWriter(file)) {
            content.write(out);
        }
        return file;
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
            found = adapters.readAll(folder(job.path("id").asText()).resolve(folder));
        } catch (AdapterFormatException e) {
            throw new IOException(DAMAGED, e);
        }
        JsonNode expected = job.path(folder + HASHES);
        List<String> hashes = new ArrayList<>();
        expected.forEach(hash -> hashes.add(hash.asText()));
        List<String> read = found.stream()
                .map(named -> ContentHash.of(named.adapter()).hex())
                .toList();
        if (expected.isArray() && !hashes.equals(read)) {
            throw new IOException(DAMAGED);
        }
        return found;
    }

    /** All job objects; a broken one is reported and left alone. */
    public List<ObjectNode> loadAll() throws IOException {
        List<ObjectNode> jobs = new ArrayList<>();
        for (Path directory : AtomicFiles.directories(root, ID.asMatchPredicate())) {
            Path file = directory.resolve(OBJECT);
            String id = directory.getFileName().toString();
            StoredJson.read(file)
                    .ifPresentOrElse(
                            job -> {
                                if (job.path("id").asText().equals(id)) {
                                    jobs.add(job);
                                } else {
                                    StoredJson.report(file.toString(), "it is not the object of job " + id);
                                }
                            },
                            () -> StoredJson.report(directory.toString(), "it has no readable " + OBJECT));
        }
        return jobs;
    }

    /** Events of a job; see {@link EventLog#newest}. */
    public Optional<List<ObjectNode>> events(String jobId, @Nullable String after, int limit) {
        return log(jobId).newest(after, limit);
    }

    private EventLog log(String jobId) {
        return new EventLog(folder(jobId).resolve(EVENTS));
    }

    private Path folder(String jobId) {
        return root.resolve(jobId);
    }
}
