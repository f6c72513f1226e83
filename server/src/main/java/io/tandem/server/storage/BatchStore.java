package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.storage.document.Change;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * Stored batches: OpenAI's batch object, the file of requests as it was when the batch was created, and the lines that were
 * answered so far.
 */
public final class BatchStore {
    static final String COLLECTION = "batches";
    static final Pattern ID = Pattern.compile("batch_[0-9a-f]{24}");
    private static final String PURPOSE = "batch_output";

    private final Storage storage;

    public BatchStore(Storage storage) {
        this.storage = storage;
    }

    /** The two kinds of lines that a batch leaves. */
    public enum Results {
        /** Requests that were answered. */
        OUTPUT,
        /** Those that were not. */
        ERROR;

        String file() {
            return this == OUTPUT ? "output.jsonl" : "error.jsonl";
        }
    }

    /**
     * Keeps a batch with its requests; when this returns it survives a crash.
     *
     * @param input id of the file with the requests
     */
    public void create(ObjectNode batch, String input, FileStore files) throws IOException {
        String id = id(batch);
        storage.make(Keys.batch(id), blobs -> files.keep(input, requests(id)), () -> List.of(put(batch)));
    }

    /** Writes the object of a batch that was created; when this returns it survives a crash. */
    public void save(ObjectNode batch) throws IOException {
        storage.write(put(batch));
    }

    /** The same of a batch that has ended, which needs its requests and lines no more. */
    public void end(ObjectNode batch) throws IOException {
        String id = id(batch);
        storage.delete(
                List.of(Keys.batch(id)),
                List.of(
                        put(batch),
                        new Change.Clear(log(id, Results.OUTPUT)),
                        new Change.Clear(log(id, Results.ERROR))));
    }

    private static Change put(ObjectNode batch) {
        return new Change.Put(COLLECTION, id(batch), batch);
    }

    /** All batch objects; a broken one is reported and left alone. */
    public List<ObjectNode> loadAll() throws IOException {
        return storage.loadAll(COLLECTION, ID.asMatchPredicate());
    }

    /** The requests, for whoever closes them. */
    public Optional<FileChannel> input(String id) throws IOException {
        return storage.open(requests(id));
    }

    /**
     * The lines so far.
     *
     * @param heads gets the beginning of each
     */
    public ResultLog results(String id, Results kind, Consumer<String> heads) throws IOException {
        return ResultLog.open(storage, log(id, kind), heads);
    }

    /** Makes a file of a batch's lines, if it was not made before; when this returns it survives a crash. */
    public void publish(ObjectNode batch, Results kind, FileStore files, FileStore.Published file) throws IOException {
        String id = id(batch);
        files.publish(target -> ResultLog.copy(storage, log(id, kind), target), id + "_" + kind.file(), PURPOSE, file);
    }

    static String log(String id, Results kind) {
        return "results/" + id + "/" + kind.file();
    }

    private static String requests(String id) {
        return Keys.batch(id) + "/input";
    }

    private static String id(ObjectNode batch) {
        return batch.path("id").asText();
    }
}
