package io.tandem.server.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.AdapterStore.Named;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Fine-tuning jobs on disk, a folder each: OpenAI's job object, a line for each event, and its numbers. */
public final class JobStore {
    private static final Logger LOG = LoggerFactory.getLogger(JobStore.class);
    private static final String OBJECT = "job.json";
    private static final String EVENTS = "events.jsonl";
    private static final String UNDER = "under";
    private static final String CONTROLS = "controls";

    private final Path root;

    public JobStore(Path root) {
        this.root = root;
    }

    /** Writes a job's object; when this returns it survives a crash. */
    public void save(ObjectNode job) throws IOException {
        Path directory = root.resolve(job.path("id").asText());
        AtomicFiles.createDirectories(directory);
        AtomicFiles.write(directory.resolve(OBJECT), job.toPrettyString());
    }

    /** Adds an event; the last ones may be lost in a crash. */
    public void append(String jobId, ObjectNode event) throws IOException {
        Files.writeString(
                root.resolve(jobId).resolve(EVENTS),
                event + "\n",
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }

    /** Where the job's numbers go, from the step after this one. */
    public JobMetrics metrics(String jobId, int stepsPerEpoch, int step, Clock clock) throws IOException {
        return JobMetrics.open(root.resolve(jobId), stepsPerEpoch, step, clock);
    }

    /** A copy of the table of the job's numbers, to be moved away. */
    public Path copyTable(String jobId) throws IOException {
        Path table = JobMetrics.table(root.resolve(jobId));
        return Files.copy(table, AtomicFiles.unfinished(table));
    }

    /**
     * Keeps copies of the adapters that a job stands on; when this returns they survive a crash.
     *
     * @param controls by their labels
     */
    public void saveFrozen(String jobId, List<Named> under, List<Named> controls, AdapterStore adapters)
            throws IOException {
        Path directory = root.resolve(jobId);
        AtomicFiles.createDirectories(directory);
        adapters.writeAll(directory.resolve(UNDER), under);
        adapters.writeAll(directory.resolve(CONTROLS), controls);
        AtomicFiles.sync(directory);
    }

    /** The adapters below all examples that {@link #saveFrozen} kept. */
    public List<Named> under(String jobId, AdapterStore adapters) throws IOException {
        return adapters.readAll(root.resolve(jobId).resolve(UNDER));
    }

    /** The controls that {@link #saveFrozen} kept, by their labels. */
    public List<Named> controls(String jobId, AdapterStore adapters) throws IOException {
        return adapters.readAll(root.resolve(jobId).resolve(CONTROLS));
    }

    /** All job objects; a broken one is reported and left alone. */
    public List<ObjectNode> loadAll() throws IOException {
        List<ObjectNode> jobs = new ArrayList<>();
        for (Path directory : AtomicFiles.directories(root)) {
            Path file = directory.resolve(OBJECT);
            if (!Files.exists(file)) {
                continue;
            }
            try {
                if (JsonBody.MAPPER.readTree(Files.readString(file)) instanceof ObjectNode job) {
                    jobs.add(job);
                }
            } catch (JsonProcessingException e) {
                LOG.warn("job {} is unreadable: {}", directory.getFileName(), e.getOriginalMessage());
            }
        }
        return jobs;
    }

    /** Events from the oldest; a line that a crash cut off is left out. */
    public List<ObjectNode> events(String jobId) throws IOException {
        Path file = root.resolve(jobId).resolve(EVENTS);
        List<ObjectNode> events = new ArrayList<>();
        if (!Files.exists(file)) {
            return events;
        }
        for (String line : Files.readAllLines(file)) {
            try {
                JsonNode event = JsonBody.MAPPER.readTree(line);
                if (event instanceof ObjectNode node) {
                    events.add(node);
                }
            } catch (JsonProcessingException e) {
                LOG.warn("job {} has an event that is cut off", jobId);
            }
        }
        return events;
    }
}
