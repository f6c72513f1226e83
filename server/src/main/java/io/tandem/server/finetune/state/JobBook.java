package io.tandem.server.finetune.state;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.DiskFailure;
import io.tandem.server.storage.JobMetrics;
import io.tandem.server.storage.JobStore;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * All job objects, as they are in memory and on disk, and what is said about them. For one thread.
 *
 * <p>What a client asks for counts only when it is on disk ({@link #change}). What a job comes to by itself counts at
 * once, since nobody can take it back; if the disk does not take it, every later write tries again.
 */
public final class JobBook {
    private static final Logger LOG = LoggerFactory.getLogger(JobBook.class);

    private final JobStore store;
    private final Clock clock;
    private final Consumer<ObjectNode> afterEnd;
    private final Map<String, ObjectNode> objects = new LinkedHashMap<>();
    private final Map<String, ObjectNode> unsaved = new LinkedHashMap<>();
    /** Whether the log says that some are unsaved. */
    private boolean saidUnsaved;

    /** @param afterEnd called with a job whose end is on disk */
    public JobBook(JobStore store, Clock clock, Consumer<ObjectNode> afterEnd) {
        this.store = store;
        this.clock = clock;
        this.afterEnd = afterEnd;
    }

    /** Brings back the jobs of earlier runs. */
    public void load() throws IOException {
        List<ObjectNode> loaded = new ArrayList<>(store.loadAll());
        loaded.sort((a, b) ->
                Long.compare(a.path("created_at").asLong(), b.path("created_at").asLong()));
        for (ObjectNode job : loaded) {
            if (JobObject.hasTenant(job)) {
                add(job);
            } else {
                LOG.warn("job {} is damaged and left out: it does not say whose it is", JobObject.id(job));
            }
        }
    }

    /** A tenant's jobs, in the order in which they were created. */
    public List<ObjectNode> of(TenantId tenant) {
        return objects.values().stream()
                .filter(job -> JobObject.tenant(job).equals(tenant))
                .toList();
    }

    /** Those of all tenants. */
    public List<ObjectNode> all() {
        return List.copyOf(objects.values());
    }

    /** @throws ApiException if the tenant has no such job */
    public ObjectNode find(TenantId tenant, String id) {
        return Optional.ofNullable(objects.get(id))
                .filter(job -> JobObject.tenant(job).equals(tenant))
                .orElseThrow(() -> ApiException.notFound(
                        "fine_tuning_job_id", "job_not_found", "There is no fine-tuning job '" + id + "'."));
    }

    /** A job that is on disk already. */
    public void add(ObjectNode job) {
        objects.put(JobObject.id(job), job);
    }

    /** Deletes a job. */
    public void remove(String id) throws IOException {
        store.delete(id);
        objects.remove(id);
        unsaved.remove(id);
    }

    /**
     * Changes a job as a client wants it.
     *
     * @throws IOException if the disk does not take it; then nothing has changed
     */
    public void change(ObjectNode job, Consumer<ObjectNode> change) throws IOException {
        ObjectNode changed = job.deepCopy();
        change.accept(changed);
        store.save(changed);
        unsaved.remove(JobObject.id(job));
        job.removeAll();
        job.setAll(changed);
    }

    /** Changes a job as it came to be. */
    public void status(ObjectNode job, String status) {
        job.put(JobObject.STATUS, status);
        save(job);
    }

    /** Pauses a job that cannot go on by itself. */
    public void pause(ObjectNode job, String level, String why) {
        status(job, JobObject.PAUSED);
        say(job, level, why);
    }

    /**
     * Pauses a job for the sake of a disk: what it has learned is in its last checkpoint, so it can still end well.
     *
     * @param what could not be read or written, and why
     */
    public void pauseUntilMended(ObjectNode job, String what) {
        pause(job, "error", what + ". The job is paused; resume it when that is mended.");
    }

    /** Ends a job; nothing changes it any more. */
    public void end(ObjectNode job, String status, String message) {
        JobObject.end(job, status, message, now());
        save(job);
        ended(job, status.equals(JobObject.FAILED) ? "error" : "info", message);
    }

    /** Cancels a job as a client wants it, or fails and changes nothing. */
    public void cancel(ObjectNode job) throws IOException {
        String message = "The job was cancelled.";
        change(job, changed -> JobObject.end(changed, JobObject.CANCELLED, message, now()));
        ended(job, "info", message);
    }

    private void ended(ObjectNode job, String level, String message) {
        say(job, level, message);
        if (unsaved.containsKey(JobObject.id(job))) {
            // On the disk it has not ended, so after a crash it would read them again.
            return;
        }
        try {
            store.deleteFiles(JobObject.id(job));
        } catch (IOException e) {
            LOG.warn("the files of job {} are still on disk: {}", JobObject.id(job), e.toString());
        }
        afterEnd.accept(job);
    }

    public void say(ObjectNode job, String level, String message) {
        LOG.atLevel(Level.valueOf(level.toUpperCase(Locale.ROOT))).log("{}: {}", JobObject.id(job), forLog(message));
        append(job, JobObject.event(now(), level, message));
    }

    /** An event with numbers. */
    public void metrics(ObjectNode job, String message, ObjectNode data) {
        ObjectNode event = JobObject.event(now(), "info", message);
        event.put("type", "metrics");
        LOG.debug("{}: {}", JobObject.id(job), message);
        event.set("data", data);
        append(job, event);
    }

    /** Where a job's numbers go, from the step after this one. */
    public JobMetrics table(FinetuneJob work, int step) {
        return store.metrics(work.id(), work.stepsPerEpoch(), step, clock);
    }

    /** What a log may keep: where a message goes on to quote lines of a file, or a plan, it ends. */
    private static String forLog(String message) {
        int lines = message.indexOf(" wrong line");
        int quoted = lines < 0 ? -1 : message.indexOf(':', lines);
        return quoted < 0
                ? message.lines().findFirst().orElse("")
                : message.substring(0, quoted) + "; the job's events say which";
    }

    private void append(ObjectNode job, ObjectNode event) {
        try {
            store.append(JobObject.id(job), event);
        } catch (IOException e) {
            LOG.warn("an event of job {} could not be written: {}", JobObject.id(job), e.toString());
        }
    }

    private void save(ObjectNode job) {
        unsaved.put(JobObject.id(job), job);
        saveAll();
    }

    /** Tries once more to write what the disk did not take. */
    public void saveAll() {
        unsaved.values().removeIf(this::saved);
        if (saidUnsaved && unsaved.isEmpty()) {
            saidUnsaved = false;
            LOG.info("all jobs are written");
        }
    }

    private boolean saved(ObjectNode job) {
        try {
            store.save(job);
            return true;
        } catch (IOException e) {
            if (!saidUnsaved) {
                saidUnsaved = true;
                LOG.error("job {} could not be written; it, and others like it, are tried again", JobObject.id(job), e);
            }
            return false;
        }
    }

    /** What an event says of a failure. */
    public static String why(Exception failure) {
        return failure instanceof ApiException ? String.valueOf(failure.getMessage()) : DiskFailure.reason(failure);
    }

    public long now() {
        return clock.instant().getEpochSecond();
    }
}
