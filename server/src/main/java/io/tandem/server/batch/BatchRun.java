package io.tandem.server.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.batch.Rows.Answering;
import io.tandem.server.batch.Rows.Reply;
import io.tandem.server.storage.BatchStore;
import io.tandem.server.storage.BatchStore.Results;
import io.tandem.server.storage.FileStore;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A batch on its way to its end. Every step may fail for the sake of the disk, and is then tried again: what it has
 * written by then does no harm. For one thread.
 */
final class BatchRun {
    /** Rows per step. */
    private static final int STEP_ROWS = 256;
    /** A row whose answer is the server's fault this often is given up. */
    private static final int ATTEMPTS_MAX = 3;

    private static final int TOO_MANY = 429;
    private static final int SERVER_ERROR = 500;
    private static final int UNAVAILABLE = 503;
    private static final String END = "end";

    private final ObjectNode batch;
    private final BatchStore store;
    private final FileStore files;
    private final int maxLines;
    /** By their lines. */
    private final Map<Integer, Begun> inFlight = new HashMap<>();

    private final Map<Integer, Integer> attempts = new HashMap<>();
    /** Rows that were taken from the input and have to be taken once more. */
    private final Deque<BatchRow> again = new ArrayDeque<>();

    private final Deque<BatchRow> later = new ArrayDeque<>();
    /** Answers that the disk has not taken. */
    private final Deque<Map.Entry<BatchRow, Reply>> unwritten = new ArrayDeque<>();

    /** A row that is being answered. */
    private record Begun(Answering answering, long answers) {
        static Begun of(BatchRow row, Answering answering) {
            return new Begun(answering, row.answers());
        }
    }

    private @Nullable BatchValidation validation;
    private @Nullable BatchInput input;
    /** What is read when the batch has expired. */
    private @Nullable BatchInput rest;

    private @Nullable BatchResults results;
    private boolean exhausted;
    private boolean stumbling;

    /** @param batch is changed as the batch goes on */
    BatchRun(ObjectNode batch, BatchStore store, FileStore files, int maxLines) {
        this.batch = batch;
        this.store = store;
        this.files = files;
        this.maxLines = maxLines;
    }

    ObjectNode batch() {
        return batch;
    }

    String id() {
        return BatchObject.id(batch);
    }

    int inFlight() {
        return inFlight.size();
    }

    /** What the rows that are being answered ask for together. */
    long answersInFlight() {
        return inFlight.values().stream().mapToLong(Begun::answers).sum();
    }

    /** Rows that have not ended. */
    int waiting() {
        @Nullable BatchResults open = results;
        int ended = open == null ? 0 : open.completed() + open.failed();
        return BatchObject.ended(batch) ? 0 : Math.max(0, BatchObject.total(batch) - ended);
    }

    /** Does what is to be done besides answering rows; true if there is more of it. */
    boolean step(long now) throws IOException {
        try {
            return !BatchObject.ended(batch) && goOn(now);
        } catch (LineError e) {
            fail(List.of(e), now);
            return false;
        }
    }

    /** It could not go on; true if it could the last time. */
    boolean stumbled() {
        boolean first = !stumbling;
        stumbling = true;
        return first;
    }

    boolean stumbling() {
        return stumbling;
    }

    /** It goes on. */
    void worked() {
        stumbling = false;
    }

    /** Whether all its rows have ended, and nothing has been made of them. */
    boolean rowsEnded() {
        return BatchObject.status(batch).equals(BatchObject.IN_PROGRESS)
                && exhausted
                && inFlight.isEmpty()
                && again.isEmpty()
                && later.isEmpty();
    }

    private boolean goOn(long now) throws IOException {
        String end = BatchObject.internal(batch).path(END).asText();
        if (!end.isEmpty()) {
            publish(end, now);
            return false;
        }
        if (!BatchObject.status(batch).equals(BatchObject.VALIDATING)) {
            // Clients see the counts even if no row is begun for now.
            results();
        }
        writeUnwritten();
        if (BatchObject.status(batch).equals(BatchObject.CANCELLING)) {
            return settle(BatchObject.CANCELLED, now);
        }
        if (now >= batch.path("expires_at").asLong()) {
            stop();
            return expire() || settle(BatchObject.EXPIRED, now);
        }
        if (BatchObject.status(batch).equals(BatchObject.VALIDATING)) {
            return validate(now);
        }
        return rowsEnded() && settle(BatchObject.COMPLETED, now);
    }

    private boolean validate(long now) throws IOException {
        BatchValidation reading = validation == null ? new BatchValidation(open(new BitSet()), maxLines) : validation;
        validation = null;
        boolean more = false;
        try {
            more = reading.step();
        } finally {
            if (!more) {
                reading.close();
            }
        }
        if (more) {
            validation = reading;
        } else if (reading.errors().isEmpty()) {
            change(changed -> {
                BatchObject.counts(changed, reading.rows(), 0, 0);
                BatchObject.status(changed, BatchObject.IN_PROGRESS, now);
            });
        } else {
            fail(reading.errors(), now);
        }
        return more;
    }

    /** Ends a batch that cannot go on. */
    void fail(List<LineError> errors, long now) throws IOException {
        stop();
        change(changed -> {
            BatchObject.errors(changed, errors);
            BatchObject.status(changed, BatchObject.FAILED, now);
        });
        close();
    }

    private BatchInput open(BitSet skipped) throws IOException {
        FileChannel file = store.input(id())
                .orElseThrow(() ->
                        new LineError("input_file_missing", null, 0, "The server has lost the batch's requests."));
        return new BatchInput(file, BatchObject.endpoint(batch), skipped);
    }

    private BatchResults results() throws IOException {
        @Nullable BatchResults open = results;
        if (open == null) {
            open = BatchResults.open(store, id());
            results = open;
            count(open);
        }
        return open;
    }

    private void count(BatchResults from) {
        BatchObject.counts(batch, BatchObject.total(batch), from.completed(), from.failed());
    }

    /** The next row to be answered; empty if there is none now. */
    Optional<BatchRow> nextRow(long now) throws IOException {
        try {
            return nextRow();
        } catch (LineError e) {
            fail(List.of(e), now);
            return Optional.empty();
        }
    }

    private Optional<BatchRow> nextRow() throws IOException {
        if (!BatchObject.status(batch).equals(BatchObject.IN_PROGRESS) || !unwritten.isEmpty()) {
            return Optional.empty();
        }
        if (!again.isEmpty()) {
            return Optional.of(again.removeFirst());
        }
        if (exhausted) {
            return Optional.empty();
        }
        @Nullable BatchInput reading = input;
        if (reading == null) {
            reading = open((BitSet) results().ended().clone());
            input = reading;
        }
        Optional<BatchRow> row = next(reading);
        exhausted = row.isEmpty();
        return row;
    }

    /** The next row that can be read. All could when the batch was validated, so others are the disk's fault. */
    private Optional<BatchRow> next(BatchInput from) throws IOException {
        while (true) {
            try {
                return from.next();
            } catch (LineError e) {
                results().unanswered(e.line(), "", e.code(), String.valueOf(e.getMessage()));
                count(results());
            }
        }
    }

    /** A row has to wait. */
    void putBack(BatchRow row) {
        again.addFirst(row);
    }

    void begun(BatchRow row, Answering answering) {
        inFlight.put(row.line(), Begun.of(row, answering));
    }

    /** A row has an answer, which counts unless the row was stopped before. */
    void ended(BatchRow row, Answering answering, Reply reply) throws IOException {
        if (!inFlight.remove(row.line(), Begun.of(row, answering))) {
            return;
        }
        if (comesAgain(row, reply)) {
            later.add(row);
            return;
        }
        attempts.remove(row.line());
        unwritten.add(Map.entry(row, reply));
        writeUnwritten();
    }

    private boolean comesAgain(BatchRow row, Reply reply) {
        boolean busy = reply.status() == TOO_MANY || reply.status() == UNAVAILABLE;
        return busy || (reply.status() >= SERVER_ERROR && attempts.merge(row.line(), 1, Integer::sum) < ATTEMPTS_MAX);
    }

    /** Gives rows that had no answer another try. */
    void tryAgain() {
        again.addAll(later);
        later.clear();
    }

    private void writeUnwritten() throws IOException {
        while (!unwritten.isEmpty()) {
            Map.Entry<BatchRow, Reply> next = unwritten.getFirst();
            results().answered(next.getKey(), next.getValue());
            unwritten.removeFirst();
            count(results());
        }
    }

    /** The client wants no more of it. */
    void cancel(long now) throws IOException {
        change(changed -> BatchObject.status(changed, BatchObject.CANCELLING, now));
        stop();
    }

    /** Ends the rows that are being answered, without an answer. */
    private void stop() throws IOException {
        inFlight.values().forEach(begun -> begun.answering().cancel());
        inFlight.clear();
        again.clear();
        later.clear();
        close(validation);
        validation = null;
    }

    /** Says of each row without an answer that it was too late; true if there are more. */
    private boolean expire() throws IOException {
        if (BatchObject.total(batch) == 0) {
            return false;
        }
        BatchInput reading = rest == null ? open((BitSet) results().ended().clone()) : rest;
        rest = null;
        boolean more = false;
        try {
            more = expireSome(reading);
        } finally {
            if (!more) {
                reading.close();
            }
        }
        rest = more ? reading : null;
        count(results());
        return more;
    }

    private boolean expireSome(BatchInput reading) throws IOException {
        for (int i = 0; i < STEP_ROWS; i++) {
            Optional<BatchRow> row = next(reading);
            if (row.isEmpty()) {
                return false;
            }
            results()
                    .unanswered(
                            row.get().line(),
                            row.get().customId(),
                            "batch_expired",
                            "This request could not be executed before the completion window expired.");
        }
        return true;
    }

    /** All rows have ended; what remains is to hand over the lines. */
    private boolean settle(String end, long now) throws IOException {
        BatchResults all = results();
        count(all);
        close(input);
        input = null;
        all.force();
        change(changed -> {
            ObjectNode internal = BatchObject.internal(changed).put(END, end);
            for (Results kind : Results.values()) {
                if (all.has(kind)) {
                    internal.put(kind.name(), FileStore.newId());
                }
            }
            if (!end.equals(BatchObject.CANCELLED)) {
                BatchObject.status(changed, BatchObject.FINALIZING, now);
            }
        });
        return true;
    }

    private void publish(String end, long now) throws IOException {
        ObjectNode internal = BatchObject.internal(batch);
        OptionalLong lifetime = internal.has("lifetime")
                ? OptionalLong.of(internal.path("lifetime").asLong())
                : OptionalLong.empty();
        for (Results kind : Results.values()) {
            if (internal.has(kind.name())) {
                String file = internal.path(kind.name()).asText();
                store.publish(batch, kind, files, new FileStore.Published(file, now, lifetime));
            }
        }
        if (results != null) {
            results.close();
            results = null;
        }
        change(changed -> {
            changed.set("output_file_id", internal.get(Results.OUTPUT.name()));
            changed.set("error_file_id", internal.get(Results.ERROR.name()));
            BatchObject.status(changed, end, now);
        });
    }

    /** Changes the batch on the disk, then in memory. */
    private void change(Consumer<ObjectNode> change) throws IOException {
        ObjectNode changed = batch.deepCopy();
        change.accept(changed);
        if (BatchObject.ended(changed)) {
            store.end(changed);
        } else {
            store.save(changed);
        }
        batch.removeAll();
        batch.setAll(changed);
    }

    /** Lets go of files; nothing is written any more. */
    void close() throws IOException {
        close(validation);
        close(input);
        close(rest);
        close(results);
    }

    private static void close(@Nullable Closeable open) throws IOException {
        if (open != null) {
            open.close();
        }
    }
}
