package io.tandem.server.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.batch.Rows.Answering;
import io.tandem.server.batch.Rows.Reply;
import io.tandem.server.config.BatchesConfig;
import io.tandem.server.storage.BatchStore;
import io.tandem.server.storage.FileStore;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Batches from their request to their files ({@link BatchRun}).
 *
 * <p>One thread keeps the books, reads the requests one by one, and writes the answers. So many rows of all batches
 * together are with the engine, and the batches take turns. Whatever is on the disk counts: a row whose line is there has
 * ended, and every other one is answered after the next start.
 */
public final class BatchService implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BatchService.class);

    private final BatchStore store;
    private final Function<TenantId, FileStore> files;
    private final BatchesConfig config;
    private final Clock clock;
    private final ToIntFunction<TenantId> atOnce;
    private final BatchThread thread = new BatchThread(this::tick);
    /** In the order in which they were created. */
    private final Map<String, ObjectNode> batches = new LinkedHashMap<>();

    private final Map<String, BatchRun> open = new LinkedHashMap<>();
    /** Whose turn it is. */
    private final Deque<BatchRun> turns = new ArrayDeque<>();

    private @Nullable Rows rows;
    /** Of tenants that have a row for which there is no room yet, the batch that it is of: no other one passes it. */
    private final Map<TenantId, BatchRun> heads = new HashMap<>();

    private volatile int waiting;
    private volatile int flying;

    /**
     * @param files of a tenant
     * @param atOnce answers that the rows of a tenant may ask for together at this moment
     */
    public BatchService(
            BatchStore store,
            Function<TenantId, FileStore> files,
            BatchesConfig config,
            Clock clock,
            ToIntFunction<TenantId> atOnce) {
        this.atOnce = atOnce;
        this.store = store;
        this.files = files;
        this.config = config;
        this.clock = clock;
    }

    /** Brings back the batches of earlier runs, and begins to answer rows. */
    public CompletableFuture<Integer> restore(Rows answering) {
        return thread.ask(() -> {
            List<ObjectNode> loaded = new ArrayList<>(store.loadAll());
            loaded.sort(
                    Comparator.comparingLong(batch -> batch.path("created_at").asLong()));
            rows = answering;
            for (ObjectNode batch : loaded) {
                if (!BatchObject.hasTenant(batch)) {
                    LOG.warn("{} is damaged and left out: it does not say whose it is", BatchObject.id(batch));
                    continue;
                }
                batches.put(BatchObject.id(batch), batch);
                if (!BatchObject.ended(batch)) {
                    begin(batch);
                }
            }
            return loaded.size();
        });
    }

    private void begin(ObjectNode batch) {
        BatchRun run = new BatchRun(batch, store, files.apply(BatchObject.tenant(batch)), config.maxLines());
        open.put(run.id(), run);
        turns.addLast(run);
        goOn(run);
    }

    /** Creates a batch; its requests are validated afterwards. */
    public CompletableFuture<ObjectNode> create(TenantId tenant, JsonBody body) {
        BatchSpec spec = BatchSpec.parse(body);
        return thread.ask(() -> {
            requireInput(tenant, spec.input());
            if (open.size() >= config.maxOpen()) {
                throw ApiException.tooMany(open.size()
                        + " batches have not ended, the limit of batches.max-open; try again later, or cancel one.");
            }
            ObjectNode batch = BatchObject.create(tenant, spec, now());
            try {
                store.create(batch, spec.input(), files.apply(tenant));
            } catch (NoSuchFileException e) {
                // A file that was deleted since it was looked for is refused like one that never was.
                requireInput(tenant, spec.input());
                throw e;
            }
            batches.put(BatchObject.id(batch), batch);
            ObjectNode answer = BatchObject.shown(batch);
            begin(batch);
            return answer;
        });
    }

    private void requireInput(TenantId tenant, String id) throws IOException {
        String field = "input_file_id";
        ObjectNode file = files.apply(tenant)
                .find(id)
                .orElseThrow(() -> ApiException.invalid(field, "'" + field + "': there is no file '" + id + "'."));
        String purpose = file.path("purpose").asText();
        if (!purpose.equals("batch")) {
            throw ApiException.invalid(
                    field, "'" + field + "' has the purpose '" + purpose + "'; upload it with 'batch'.");
        }
        if (file.path("bytes").asLong() > config.maxBytes()) {
            throw ApiException.invalid(
                    field,
                    "'" + field + "' has " + file.path("bytes").asLong() + " bytes, more than " + config.maxBytes()
                            + ", the limit of batches.max-bytes.");
        }
    }

    public CompletableFuture<ObjectNode> get(TenantId tenant, String id) {
        return thread.ask(() -> BatchObject.shown(find(tenant, id)));
    }

    /** A tenant's batches, the newest first. */
    public CompletableFuture<List<ObjectNode>> list(TenantId tenant) {
        return thread.ask(() -> {
            List<ObjectNode> all = new ArrayList<>(batches.values().stream()
                    .filter(batch -> BatchObject.tenant(batch).equals(tenant))
                    .map(BatchObject::shown)
                    .toList());
            Collections.reverse(all);
            return all;
        });
    }

    /** Ends a batch with what has been answered. */
    public CompletableFuture<ObjectNode> cancel(TenantId tenant, String id) {
        return thread.ask(() -> {
            ObjectNode batch = find(tenant, id);
            String status = BatchObject.status(batch);
            @Nullable BatchRun run = open.get(id);
            if (run == null || status.equals(BatchObject.FINALIZING)) {
                throw ApiException.invalid("batch_id", "The batch has ended already: " + status + ".");
            }
            if (!status.equals(BatchObject.CANCELLING)) {
                run.cancel(now());
            }
            ObjectNode answer = BatchObject.shown(batch);
            goOn(run);
            return answer;
        });
    }

    private ObjectNode find(TenantId tenant, String id) {
        return Optional.ofNullable(batches.get(id))
                .filter(batch -> BatchObject.tenant(batch).equals(tenant))
                .orElseThrow(
                        () -> ApiException.notFound("batch_id", "batch_not_found", "There is no batch '" + id + "'."));
    }

    /** Rows of all batches that have not ended. */
    public int waitingRows() {
        return waiting;
    }

    /** Rows that are being answered. */
    public int flyingRows() {
        return flying;
    }

    /** Lets a batch do its next step, and others theirs in between. */
    private void goOn(BatchRun run) {
        if (thread.closing()) {
            return;
        }
        boolean more = false;
        try {
            more = run.step(now());
            run.worked();
        } catch (IOException | RuntimeException e) {
            failed(run, e);
        }
        if (BatchObject.ended(run.batch())) {
            open.remove(run.id());
            turns.remove(run);
            heads.values().remove(run);
            LOG.info("{}: {}", run.id(), BatchObject.status(run.batch()));
        } else if (more) {
            thread.execute(() -> goOn(run));
        }
        fill();
    }

    /** Once, however often it is tried. */
    private static void failed(BatchRun run, Exception cause) {
        if (run.stumbled()) {
            LOG.warn("{} stands still and is tried again: {}", run.id(), cause.toString());
        }
    }

    /** Gives rows to the engine until so many are there, a batch after another. */
    private void fill() {
        int idle = 0;
        @Nullable Rows answering = rows;
        while (answering != null && idle < turns.size() && inFlight() < config.concurrentRows()) {
            BatchRun run = turns.removeFirst();
            turns.addLast(run);
            idle = begins(run, answering) ? 0 : idle + 1;
        }
        flying = inFlight();
        waiting = open.values().stream().mapToInt(BatchRun::waiting).sum();
    }

    private int inFlight() {
        return open.values().stream().mapToInt(BatchRun::inFlight).sum();
    }

    private boolean begins(BatchRun run, Rows answering) {
        TenantId tenant = BatchObject.tenant(run.batch());
        if (heads.getOrDefault(tenant, run) != run) {
            return false;
        }
        heads.remove(tenant);
        Optional<BatchRow> next;
        try {
            next = run.nextRow(now());
        } catch (IOException | RuntimeException e) {
            failed(run, e);
            return false;
        }
        if (next.isPresent() && !leavesRoom(tenant, next.get())) {
            run.putBack(next.get());
            heads.put(tenant, run);
            return false;
        }
        next.ifPresent(row -> {
            Answering answer = answering.answer(tenant, BatchObject.endpoint(run.batch()), row.body(), row.bytes());
            run.begun(row, answer);
            var unused = answer.reply().thenAccept(reply -> thread.execute(() -> ended(run, row, answer, reply)));
        });
        if (run.rowsEnded() && !run.stumbling()) {
            thread.execute(() -> goOn(run));
        }
        return next.isPresent();
    }

    /** Whether a row leaves the tenant's own requests their part of its quota. What asks for more than the rest runs alone. */
    private boolean leavesRoom(TenantId tenant, BatchRow row) {
        long begun = open.values().stream()
                .filter(run -> BatchObject.tenant(run.batch()).equals(tenant))
                .mapToLong(BatchRun::answersInFlight)
                .sum();
        return begun == 0 || begun + row.answers() <= atOnce.applyAsInt(tenant);
    }

    private void ended(BatchRun run, BatchRow row, Answering answer, Reply reply) {
        try {
            run.ended(row, answer, reply);
        } catch (IOException | RuntimeException e) {
            failed(run, e);
        }
        goOn(run);
    }

    private void tick() {
        for (BatchRun run : List.copyOf(open.values())) {
            run.tryAgain();
            goOn(run);
        }
    }

    private long now() {
        return clock.instant().getEpochSecond();
    }

    /** Begins no more rows; what the engine still answers is kept, and the rest is answered after the next start. */
    public void drain() {
        thread.runAndWait(() -> rows = null);
    }

    /** Finishes what has arrived. The engine should have ended before. */
    @Override
    public void close() {
        thread.closeAfter(() -> {
            for (BatchRun run : open.values()) {
                try {
                    run.close();
                } catch (IOException e) {
                    LOG.warn("{} was not closed: {}", run.id(), e.toString());
                }
            }
        });
    }
}
