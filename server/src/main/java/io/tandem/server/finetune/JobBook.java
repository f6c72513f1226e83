package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.storage.JobStore;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All job objects, as they are in memory and on disk, and what is said about them. For one thread. */
final class JobBook {
    private static final Logger LOG = LoggerFactory.getLogger(JobBook.class);

    private final JobStore store;
    private final Clock clock;
    private final Map<String, ObjectNode> objects = new LinkedHashMap<>();

    JobBook(JobStore store, Clock clock) {
        this.store = store;
        this.clock = clock;
    }

    /** Brings back the jobs of earlier runs. */
    void load() throws IOException {
        List<ObjectNode> loaded = new ArrayList<>(store.loadAll());
        loaded.sort((a, b) ->
                Long.compare(a.path("created_at").asLong(), b.path("created_at").asLong()));
        loaded.forEach(job -> objects.put(JobObject.id(job), job));
    }

    /** In the order in which they were created. */
    List<ObjectNode> all() {
        return List.copyOf(objects.values());
    }

    /** @throws ApiException if there is no such job */
    ObjectNode find(String id) {
        return Optional.ofNullable(objects.get(id))
                .orElseThrow(() -> ApiException.notFound(
                        "fine_tuning_job_id", "job_not_found", "There is no fine-tuning job '" + id + "'."));
    }

    void add(ObjectNode job) {
        objects.put(JobObject.id(job), job);
        save(job);
    }

    void status(ObjectNode job, String status) {
        job.put(JobObject.STATUS, status);
        save(job);
    }

    /** Ends a job; nothing changes it any more. */
    void end(ObjectNode job, String status, String message) {
        job.put(JobObject.STATUS, status);
        job.put("finished_at", now());
        job.putNull("estimated_finish");
        if (status.equals(JobObject.FAILED)) {
            ObjectNode error = job.putObject("error");
            error.put("code", "job_failed");
            error.put("message", message);
            error.putNull("param");
        }
        save(job);
        say(job, status.equals(JobObject.FAILED) ? "error" : "info", message);
    }

    void say(ObjectNode job, String level, String message) {
        append(job, JobObject.event(now(), level, message));
    }

    /** An event with numbers. */
    void metrics(ObjectNode job, String message, ObjectNode data) {
        ObjectNode event = JobObject.event(now(), "info", message);
        event.put("type", "metrics");
        event.set("data", data);
        append(job, event);
    }

    private void append(ObjectNode job, ObjectNode event) {
        try {
            store.append(JobObject.id(job), event);
        } catch (IOException e) {
            LOG.error("an event of job {} could not be written", JobObject.id(job), e);
        }
    }

    private void save(ObjectNode job) {
        try {
            store.save(job);
        } catch (IOException e) {
            LOG.error("job {} could not be written", JobObject.id(job), e);
        }
    }

    long now() {
        return clock.instant().getEpochSecond();
    }
}
