package io.tandem.server.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Fine-tuning jobs on disk: OpenAI's job object, and a line for each event. */
public final class JobStore {
    private static final Logger LOG = LoggerFactory.getLogger(JobStore.class);
    private static final String OBJECT = "job.json";
    private static final String EVENTS = "events.jsonl";

    private final Path root;

    public JobStore(Path root) {
        this.root = root;
    }

    /** Writes a job's object; when this returns it survives a crash. */
    public void save(ObjectNode job) throws IOException {
        Path directory = root.resolve(job.path("id").asText());
        Files.createDirectories(directory);
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

    /** All job objects; a broken one is reported and left alone. */
    public List<ObjectNode> loadAll() throws IOException {
        List<ObjectNode> jobs = new ArrayList<>();
        for (Path directory : AtomicFiles.list(root)) {
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
