package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Documents that take nothing as long as a test says so. */
public final class FailingDocuments implements Documents {
    private final Documents documents;
    private volatile Predicate<Change> refused = change -> false;
    private volatile Supplier<IOException> failure = () -> new IOException("No space left on device");

    public FailingDocuments(Documents documents) {
        this.documents = documents;
    }

    /** Fails writes with such changes from now on, as on a full disk. */
    public void refuse(Predicate<Change> changes) {
        refused = changes;
    }

    /** Fails all of them. */
    public void fillDisk() {
        refuse(change -> true);
    }

    /** Fails nothing any more. */
    public void makeRoom() {
        refuse(change -> false);
    }

    /** What failing writes throw from now on. */
    public void failWith(Supplier<IOException> with) {
        failure = with;
    }

    private void requireRoom(List<Change> changes) throws IOException {
        if (changes.stream().anyMatch(refused)) {
            throw failure.get();
        }
    }

    @Override
    public Optional<ObjectNode> get(String collection, String id) throws IOException {
        return documents.get(collection, id);
    }

    @Override
    public List<Document> list(String collection, String prefix) throws IOException {
        return documents.list(collection, prefix);
    }

    @Override
    public List<String> ids(String collection, String prefix) throws IOException {
        return documents.ids(collection, prefix);
    }

    @Override
    public int write(List<Change> changes) throws IOException {
        requireRoom(changes);
        return documents.write(changes);
    }

    @Override
    public void writeSoon(List<Change> changes) throws IOException {
        requireRoom(changes);
        documents.writeSoon(changes);
    }

    @Override
    public List<Line> oldest(String log, long after, int limit) throws IOException {
        return documents.oldest(log, after, limit);
    }

    @Override
    public List<Line> newest(String log, long before, int limit) throws IOException {
        return documents.newest(log, before, limit);
    }

    @Override
    public void close() {
        documents.close();
    }
}
