package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.blob.Blobs;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** Uploaded files of a tenant: the content of each, and what OpenAI's file object says about it. */
public final class FileStore {
    static final String COLLECTION = "files";
    private static final Pattern ID = Pattern.compile("file-[0-9a-f]{24}");
    private static final String EXPIRES = "expires_at";

    private final Storage storage;
    private final TenantId tenant;
    private final Clock clock;

    FileStore(Storage storage, TenantId tenant) {
        this(storage, tenant, Clock.systemUTC());
    }

    /** @param clock tells when files have expired */
    FileStore(Storage storage, TenantId tenant, Clock clock) {
        this.storage = storage;
        this.tenant = tenant;
        this.clock = clock;
    }

    /** Keeps the content of a file that the server has made, until somebody deletes it. */
    public ObjectNode add(Path made, String filename, String purpose, long createdAt) throws IOException {
        return make(copied(made), filename, purpose, createdAt);
    }

    /**
     * Takes over an uploaded file.
     *
     * @param upload is moved, so it should be on the file system of the data directory
     * @param createdAt in seconds since 1970
     * @param lifetime seconds until it expires, if it does
     * @return OpenAI's file object, and the content's hash
     */
    public ObjectNode add(Path upload, String filename, String purpose, long createdAt, OptionalLong lifetime)
            throws IOException {
        return make(moved(upload), filename, purpose, new Published(newId(), createdAt, lifetime), Optional.empty());
    }

    /**
     * The same of a file that was made of another one.
     *
     * @param source what it was made of, for its file object
     */
    public ObjectNode add(Path made, String filename, String purpose, ObjectNode source, long createdAt)
            throws IOException {
        Published file = new Published(newId(), createdAt, OptionalLong.empty());
        return make(copied(made), filename, purpose, file, Optional.of(source));
    }

    private static Blobs.Writing moved(Path file) throws IOException {
        requireFile(file);
        return unfinished -> Files.move(file, unfinished);
    }

    /** The file stays, so that it can be done again when a store was away. */
    private static Blobs.Writing copied(Path file) throws IOException {
        requireFile(file);
        return unfinished -> Files.copy(file, unfinished);
    }

    private static void requireFile(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new IOException(file + " is not a file");
        }
    }

    /**
     * A file that the server makes.
     *
     * @param id from {@link #newId}
     * @param createdAt in seconds since 1970
     * @param lifetime seconds until it expires, if it does
     */
    public record Published(String id, long createdAt, OptionalLong lifetime) {}

    /** The id of a file that will be made. */
    public static String newId() {
        return ObjectIds.kept("file-");
    }

    /** Makes a file, unless there is one with this id; when this returns it survives a crash. */
    void publish(Blobs.Writing writing, String filename, String purpose, Published file) throws IOException {
        if (read(file.id()).isEmpty()) {
            make(writing, filename, purpose, file, Optional.empty());
        }
    }

    /** Makes a file that stays until somebody deletes it; when this returns it survives a crash. */
    public ObjectNode make(Blobs.Writing writing, String filename, String purpose, long createdAt) throws IOException {
        Published file = new Published(newId(), createdAt, OptionalLong.empty());
        return make(writing, filename, purpose, file, Optional.empty());
    }

    private ObjectNode make(
            Blobs.Writing writing, String filename, String purpose, Published file, Optional<ObjectNode> source)
            throws IOException {
        ObjectNode object = JsonBody.MAPPER.createObjectNode();
        storage.make(
                place(file.id()),
                blobs -> blobs.put(content(file.id()), unfinished -> {
                    writing.into(unfinished);
                    object.setAll(object(unfinished, filename, purpose, file));
                    source.ifPresent(made -> object.set("source", made));
                }),
                () -> List.of(new Change.Put(COLLECTION, document(file.id()), object)));
        return object;
    }

    /** All blobs of a file. */
    private String place(String id) {
        return Keys.files(tenant) + id;
    }

    private String content(String id) {
        return place(id) + "/content";
    }

    private String document(String id) {
        return document(tenant, id);
    }

    static String document(TenantId tenant, String id) {
        return tenant.value() + "/" + id;
    }

    private static ObjectNode object(Path content, String filename, String purpose, Published file) throws IOException {
        requireFile(content);
        ObjectNode object = JsonBody.MAPPER.createObjectNode();
        object.put("id", file.id());
        object.put("object", "file");
        object.put("bytes", Files.size(content));
        object.put("created_at", file.createdAt());
        file.lifetime().ifPresent(seconds -> object.put(EXPIRES, file.createdAt() + seconds));
        object.put("filename", filename);
        object.put("purpose", purpose);
        object.put("status", "processed");
        object.put("sha256", Sha256.hex(content));
        return object;
    }

    /** File objects, the newest first. */
    public List<ObjectNode> list() throws IOException {
        List<ObjectNode> objects = new ArrayList<>();
        for (Documents.Document document : storage.list(COLLECTION, document(""))) {
            if (isWhole(document) && !deleteExpired(document.body())) {
                objects.add(document.body());
            }
        }
        objects.sort(Comparator.comparingLong(
                        (ObjectNode object) -> object.path("created_at").asLong())
                .reversed());
        return objects;
    }

    /** A file object; one that has expired is deleted instead. */
    public Optional<ObjectNode> find(String id) throws IOException {
        Optional<ObjectNode> object = read(id);
        return object.isPresent() && deleteExpired(object.get()) ? Optional.empty() : object;
    }

    private Optional<ObjectNode> read(String id) throws IOException {
        return isId(id)
                ? storage.get(COLLECTION, document(id))
                        .filter(object -> isWhole(new Documents.Document(document(id), object)))
                : Optional.empty();
    }

    private boolean isWhole(Documents.Document document) {
        String id = document.body().path("id").asText();
        return isId(id) && document.id().equals(document(id));
    }

    private boolean deleteExpired(ObjectNode object) throws IOException {
        return object.path(EXPIRES).asLong(Long.MAX_VALUE) <= clock.instant().getEpochSecond()
                && delete(object.path("id").asText());
    }

    /** Deletes all files that have expired, so that they take no space although nobody asks for them. */
    public void deleteExpired() throws IOException {
        list();
    }

    /** The content of a file, for whoever closes it; it can be read to its end even if the file is deleted meanwhile. */
    public Optional<FileChannel> open(String id) throws IOException {
        return find(id).isPresent() ? storage.open(content(id)) : Optional.empty();
    }

    static boolean isId(String text) {
        return ID.matcher(text).matches();
    }

    /** Keeps the content of a file under another key, whatever becomes of the file. */
    void keep(String id, String key) throws IOException {
        if (!isId(id)) {
            throw new NoSuchFileException(id);
        }
        storage.blobs().copy(content(id), key);
    }

    /** False if there is no such file. */
    public boolean delete(String id) throws IOException {
        // Not what is in the making: that has blobs, and no document yet. Of two who delete a file at once, one finds
        // it.
        return isId(id)
                && storage.documents().ids(COLLECTION, document(id)).contains(document(id))
                && storage.delete(List.of(place(id)), List.of(new Change.Delete(COLLECTION, document(id))));
    }
}
