package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** Uploaded files: a directory each, with the content and what OpenAI's file object says about it. */
public final class FileStore {
    private static final Pattern ID = Pattern.compile("file-[0-9a-f]{24}");
    private static final String CONTENT = "content";
    private static final String OBJECT = "file.json";
    private static final String EXPIRES = "expires_at";

    private final Path root;
    private final Clock clock;

    public FileStore(Path root) {
        this(root, Clock.systemUTC());
    }

    /** @param clock tells when files have expired */
    FileStore(Path root, Clock clock) {
        this.root = root;
        this.clock = clock;
    }

    /** Takes over a file that stays until somebody deletes it. */
    public ObjectNode add(Path upload, String filename, String purpose, long createdAt) throws IOException {
        return add(upload, filename, purpose, createdAt, OptionalLong.empty());
    }

    /**
     * Takes over an uploaded file.
     *
     * @param upload is moved, so it should be on the same file system
     * @param createdAt in seconds since 1970
     * @param lifetime seconds until it expires, if it does
     * @return OpenAI's file object, and the content's hash
     */
    public ObjectNode add(Path upload, String filename, String purpose, long createdAt, OptionalLong lifetime)
            throws IOException {
        return add(upload, object(upload, filename, purpose, new Published(newId(), createdAt, lifetime)));
    }

    /**
     * Takes over a file that the server has made, which stays until somebody deletes it.
     *
     * @param source what it was made of, for its file object
     */
    public ObjectNode add(Path made, String filename, String purpose, ObjectNode source, long createdAt)
            throws IOException {
        ObjectNode object = object(made, filename, purpose, new Published(newId(), createdAt, OptionalLong.empty()));
        object.set("source", source);
        return add(made, object);
    }

    private ObjectNode add(Path upload, ObjectNode object) throws IOException {
        String id = object.path("id").asText();
        AtomicFiles.create(root.resolve(id), unfinished -> {
            Files.createDirectory(unfinished);
            Files.move(upload, unfinished.resolve(CONTENT));
            Files.writeString(unfinished.resolve(OBJECT), object.toString());
        });
        return object;
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

    /** Makes a file with the content of another, unless there is one with this id; the other one stays. */
    void publish(Path content, String filename, String purpose, Published file) throws IOException {
        if (read(file.id()).isPresent()) {
            return;
        }
        ObjectNode object = object(content, filename, purpose, file);
        AtomicFiles.create(root.resolve(file.id()), unfinished -> {
            Files.createDirectory(unfinished);
            link(content, unfinished.resolve(CONTENT));
            Files.writeString(unfinished.resolve(OBJECT), object.toString());
        });
    }

    private static ObjectNode object(Path content, String filename, String purpose, Published file) throws IOException {
        if (!Files.isRegularFile(content)) {
            throw new IOException(content + " is not a file");
        }
        String hash;
        try (InputStream in = Files.newInputStream(content)) {
            hash = Sha256.hex(in);
        }
        ObjectNode object = JsonBody.MAPPER.createObjectNode();
        object.put("id", file.id());
        object.put("object", "file");
        object.put("bytes", Files.size(content));
        object.put("created_at", file.createdAt());
        file.lifetime().ifPresent(seconds -> object.put(EXPIRES, file.createdAt() + seconds));
        object.put("filename", filename);
        object.put("purpose", purpose);
        object.put("status", "processed");
        object.put("sha256", hash);
        return object;
    }

    /** File objects, the newest first. */
    public List<ObjectNode> list() throws IOException {
        List<ObjectNode> objects = new ArrayList<>();
        for (Path directory : AtomicFiles.directories(root, FileStore::isId)) {
            find(directory.getFileName().toString()).ifPresent(objects::add);
        }
        objects.sort(Comparator.comparingLong(
                        (ObjectNode object) -> object.path("created_at").asLong())
                .reversed());
        return objects;
    }

    /** A file object; one that has expired is deleted instead. */
    public Optional<ObjectNode> find(String id) throws IOException {
        return deleteExpired(id) ? Optional.empty() : read(id);
    }

    private Optional<ObjectNode> read(String id) {
        return isId(id)
                ? StoredJson.read(root.resolve(id).resolve(OBJECT))
                        .filter(object -> object.path("id").asText().equals(id))
                : Optional.empty();
    }

    private boolean deleteExpired(String id) throws IOException {
        long now = clock.instant().getEpochSecond();
        return read(id).filter(object -> object.path(EXPIRES).asLong(Long.MAX_VALUE) <= now)
                        .isPresent()
                && delete(id);
    }

    /** Deletes all files that have expired, so that they take no space although nobody asks for them. */
    public void deleteExpired() throws IOException {
        for (Path directory : AtomicFiles.directories(root, FileStore::isId)) {
            deleteExpired(directory.getFileName().toString());
        }
    }

    /** The content of a file, for whoever closes it; it can be read to its end even if the file is deleted meanwhile. */
    public Optional<FileChannel> open(String id) throws IOException {
        deleteExpired(id);
        return isId(id) ? open(root.resolve(id).resolve(CONTENT)) : Optional.empty();
    }

    static boolean isId(String text) {
        return ID.matcher(text).matches();
    }

    static Optional<FileChannel> open(Path file) throws IOException {
        try {
            return Files.isDirectory(file)
                    ? Optional.empty()
                    : Optional.of(FileChannel.open(file, StandardOpenOption.READ));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** Keeps the content of a file under another name, whatever becomes of the file. */
    void keep(String id, Path target) throws IOException {
        link(root.resolve(id).resolve(CONTENT), target);
    }

    private static void link(Path content, Path target) throws IOException {
        try {
            Files.createLink(target, content);
        } catch (UnsupportedOperationException | FileSystemException e) {
            // Not on this file system, or from one to another.
            Files.copy(content, target);
        }
    }

    /** False if there is no such file. */
    public boolean delete(String id) throws IOException {
        return isId(id) && AtomicFiles.remove(root.resolve(id));
    }
}
