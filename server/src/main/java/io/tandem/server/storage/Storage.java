package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.blob.Blobs;
import io.tandem.server.storage.blob.DamagedBlobException;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.StoredJson;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Documents, and the blobs that they tell of. A blob counts once a document says so. Before it is made, and before it is
 * deleted, a note is left that it may be garbage, which goes with the document's change; what has a note when a server
 * starts is deleted.
 */
public final class Storage implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Storage.class);
    private static final String GARBAGE = "garbage";
    private static final String NOTE = "{}";
    /** Of a log, in memory at once. */
    private static final int LINES = 200;

    private static final String OWNER = "store";
    static final String OWNER_KEY = "store/id";
    private static final String HOME = "blobs";

    private final Documents documents;
    private final Blobs blobs;
    /** Keys that may still have a note, since their blobs could not be deleted, or the note could not. */
    private final Set<String> unswept = ConcurrentHashMap.newKeySet();

    public Storage(Documents documents, Blobs blobs) {
        this.documents = documents;
        this.blobs = blobs;
    }

    /** For what changes nothing. */
    Documents documents() {
        return documents;
    }

    Blobs blobs() {
        return blobs;
    }

    /** Makes blobs. */
    interface Making {
        void in(Blobs blobs) throws IOException;
    }

    /** What is to be written when that is known. */
    interface Changes {
        List<Change> now() throws IOException;
    }

    void write(Change... changes) throws IOException {
        write(List.of(changes));
    }

    /**
     * Changes documents; when this returns it survives a crash.
     *
     * @return how many documents were there to be deleted
     */
    int write(List<Change> changes) throws IOException {
        return stored(() -> documents.write(changes));
    }

    private interface Write {
        int now() throws IOException;
    }

    private static int stored(Write write) throws IOException {
        try {
            return write.now();
        } catch (UnreachableException e) {
            throw e;
        } catch (IOException e) {
            throw new NotStoredException(e);
        }
    }

    /** Changes documents; the last changes may be lost in a crash. */
    void writeSoon(Change... changes) throws IOException {
        documents.writeSoon(List.of(changes));
    }

    /**
     * Makes blobs and the documents that tell of them; when this returns it survives a crash, and if it throws there is
     * neither, at the latest after the next start.
     *
     * @param key of the blob, or the beginning of all their keys before a slash
     * @param changes none if nothing tells of them yet
     */
    void make(String key, Making making, Changes changes) throws IOException {
        blobs.requireThere();
        writeNote(key);
        List<Change> all;
        try {
            making.in(blobs);
            all = new ArrayList<>(changes.now());
        } catch (IOException | RuntimeException e) {
            sweep(key);
            throw e;
        }
        all.add(new Change.Delete(GARBAGE, key));
        try {
            write(all);
        } catch (NotStoredException e) {
            sweep(key);
            throw e;
        } catch (UnreachableException e) {
            // Whoever finds the blob and wants it takes the note away.
            unswept.add(key);
            throw e;
        }
    }

    /** Makes sure that the next start does not delete a blob that was to be deleted once, and is wanted again. */
    void keep(String key) throws IOException {
        if (unswept.contains(key)) {
            write(new Change.Delete(GARBAGE, key));
            unswept.remove(key);
        }
    }

    private void writeNote(String key) throws IOException {
        try {
            writeSoon(new Change.Put(GARBAGE, key, NOTE));
        } catch (UnreachableException e) {
            throw e;
        } catch (IOException e) {
            throw new NotStoredException(e);
        }
    }

    /**
     * Deletes blobs, those whose keys go on after these with a slash, and the documents that tell of them.
     *
     * @return false if no such document was there
     */
    boolean delete(List<String> keys, List<Change> changes) throws IOException {
        List<Change> all = new ArrayList<>(changes);
        keys.forEach(key -> all.add(new Change.Put(GARBAGE, key, NOTE)));
        boolean found = stored(() -> documents.writeDeletion(all)) > 0;
        keys.forEach(this::sweep);
        return found;
    }

    /** If that fails, the next start tries again. */
    private void sweep(String key) {
        try {
            blobs.delete(key);
            writeSoon(new Change.Delete(GARBAGE, key));
            unswept.remove(key);
        } catch (IOException e) {
            unswept.add(key);
            LOG.warn("{} will be deleted at the next start: {}", key, e.toString());
        }
    }

    /**
     * Makes sure that the documents and the blobs belong together, so that nobody deletes what another database tells of, or
     * misses what is elsewhere.
     *
     * @throws IOException if they do not
     */
    public void requireOneOwner() throws IOException {
        Optional<ObjectNode> owner = documents.get(OWNER, OWNER);
        Optional<String> known = owner.map(object -> object.path("id").asText());
        // Older servers had one place only.
        String home =
                owner.map(object -> object.path(HOME).asText(DiskBlobs.HOME)).orElse(blobs.home());
        Optional<String> found = mark(known);
        if (found.isPresent() && !found.equals(known)) {
            throw new IOException("files, adapters and checkpoints belong to another database of documents than this"
                    + (known.isEmpty() ? ", which is empty" : "")
                    + ": name theirs, restore it from a backup, or move them away to begin anew");
        }
        // What was copied into a bucket left a mark where it was, and what is there is of that day.
        boolean back = blobs.home().equals(DiskBlobs.HOME);
        if (!home.equals(blobs.home()) && (found.isEmpty() || back)) {
            throw new IOException("files, adapters and checkpoints are in " + home + ", and not in " + blobs.home()
                    + ": name their place as storage.blobs or TANDEM_BLOBS, or "
                    + (back
                            ? "go back to the documents and the data directory of before with a backup"
                            : "copy them with 'tandem copy-blobs'"));
        }
        String id = known.orElseGet(() -> UUID.randomUUID().toString());
        if (owner.isEmpty() || !owner.get().path(HOME).asText().equals(blobs.home())) {
            ObjectNode object = JsonBody.MAPPER.createObjectNode();
            write(new Change.Put(OWNER, OWNER, object.put("id", id).put(HOME, blobs.home())));
        }
        if (found.isEmpty()) {
            blobs.put(OWNER_KEY, file -> Files.writeString(file, id));
        }
    }

    /** @param known what it is, if it is damaged */
    private Optional<String> mark(Optional<String> known) throws IOException {
        if (!blobs.exists(OWNER_KEY)) {
            return Optional.empty();
        }
        try {
            return Optional.of(blobs.read(OWNER_KEY, Files::readString));
        } catch (DamagedBlobException e) {
            LOG.warn("{} is damaged and written anew", OWNER_KEY);
            return known.isEmpty() ? Optional.of("") : Optional.empty();
        }
    }

    /** Deletes what earlier runs did not finish, or did not come to delete. Only when a server starts. */
    public void sweep() throws IOException {
        try {
            blobs.forgetUnfinished();
        } catch (IOException e) {
            // It only takes space, and not every store lists it.
            LOG.warn("what earlier runs began to store may be left: {}", e.getMessage());
        }
        for (String key : documents.ids(GARBAGE, "")) {
            LOG.info("deleting {}, which an earlier run did not finish", key);
            sweep(key);
        }
    }

    /**
     * Reads a blob.
     *
     * @throws NoSuchFileException if there is none
     * @throws IOException if it cannot be read for now, whatever a reader of its format makes of that; else what the reader
     *     throws says what is wrong with the blob
     */
    <T> T readBlob(String key, Blobs.Reading<T> reading) throws IOException {
        try {
            return blobs.read(key, reading);
        } catch (RuntimeException e) {
            Optional<IOException> hindrance = DiskFailure.hindrance(e);
            if (hindrance.isPresent()) {
                throw hindrance.get();
            }
            throw e;
        }
    }

    /** The content of a blob, for whoever closes it; it can be read to its end even if it is deleted meanwhile. */
    Optional<FileChannel> open(String key) throws IOException {
        try {
            return blobs.read(key, Storage::channel);
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    private static Optional<FileChannel> channel(Path file) throws IOException {
        return Files.isDirectory(file)
                ? Optional.empty()
                : Optional.of(FileChannel.open(file, StandardOpenOption.READ));
    }

    Optional<ObjectNode> get(String collection, String id) throws IOException {
        return documents.get(collection, id);
    }

    List<Documents.Document> list(String collection, String prefix) throws IOException {
        return documents.list(collection, prefix);
    }

    /**
     * All documents of a collection whose own {@code id} is what they are kept under; others are reported and left alone.
     *
     * @param ids whether an id can be one of the collection's
     */
    List<ObjectNode> loadAll(String collection, Predicate<String> ids) throws IOException {
        List<ObjectNode> loaded = new ArrayList<>();
        for (Documents.Document document : documents.list(collection, "")) {
            if (ids.test(document.id()) && document.body().path("id").asText().equals(document.id())) {
                loaded.add(document.body());
            } else {
                StoredJson.report(collection + " " + document.id(), "its own id is another one, or not a possible one");
            }
        }
        return loaded;
    }

    /** What is done with a line of a log. */
    interface Reader {
        void read(String line) throws IOException;
    }

    /** Reads a log from its oldest line on, a part at a time: it may be larger than the heap. */
    void read(String log, Reader reader) throws IOException {
        long after = 0;
        List<Documents.Line> page;
        do {
            page = documents.oldest(log, after, LINES);
            for (Documents.Line line : page) {
                reader.read(line.text());
                after = line.number();
            }
        } while (page.size() == LINES);
    }

    /** All lines of a log that fits the heap. */
    List<String> lines(String log) throws IOException {
        List<String> lines = new ArrayList<>();
        read(log, lines::add);
        return lines;
    }

    @Override
    public void close() {
        documents.close();
        blobs.close();
    }
}
