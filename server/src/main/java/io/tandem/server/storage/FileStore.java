package io.tandem.server.storage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/** Uploaded files: a directory each, with the content and what OpenAI's file object says about it. */
public final class FileStore {
    private static final Pattern ID = Pattern.compile("file-[0-9a-f]{24}");
    private static final String CONTENT = "content";
    private static final String OBJECT = "file.json";

    private final Path root;

    public FileStore(Path root) {
        this.root = root;
    }

    /**
     * Takes over an uploaded file.
     *
     * @param upload is moved, so it should be on the same file system
     * @return OpenAI's file object
     */
    public ObjectNode add(Path upload, String filename, String purpose, long createdAt) throws IOException {
        Files.createDirectories(root);
        String id = "file-" + UUID.randomUUID().toString().replace("-", "").substring(0, 24);
        ObjectNode object = JsonBody.MAPPER.createObjectNode();
        object.put("id", id);
        object.put("object", "file");
        object.put("bytes", Files.size(upload));
        object.put("created_at", createdAt);
        object.put("filename", filename);
        object.put("purpose", purpose);
        object.put("status", "processed");
        Path target = root.resolve(id);
        Path unfinished = AtomicFiles.unfinished(target);
        Files.createDirectory(unfinished);
        Files.move(upload, unfinished.resolve(CONTENT));
        Files.writeString(unfinished.resolve(OBJECT), object.toString());
        AtomicFiles.publish(unfinished, target);
        return object;
    }

    /** File objects, the newest first. */
    public List<ObjectNode> list() throws IOException {
        List<ObjectNode> objects = new ArrayList<>();
        for (Path directory : AtomicFiles.list(root)) {
            find(directory.getFileName().toString()).ifPresent(objects::add);
        }
        objects.sort(Comparator.comparingLong(
                        (ObjectNode object) -> object.path("created_at").asLong())
                .reversed());
        return objects;
    }

    public Optional<ObjectNode> find(String id) throws IOException {
        if (!ID.matcher(id).matches() || !Files.exists(root.resolve(id).resolve(OBJECT))) {
            return Optional.empty();
        }
        JsonNode object =
                JsonBody.MAPPER.readTree(Files.readString(root.resolve(id).resolve(OBJECT)));
        return object instanceof ObjectNode node ? Optional.of(node) : Optional.empty();
    }

    /** The content of a file that {@link #find} finds. */
    public Path content(String id) {
        if (!ID.matcher(id).matches()) {
            throw new IllegalArgumentException("'" + id + "' is not the id of a file");
        }
        return root.resolve(id).resolve(CONTENT);
    }

    /** False if there is no such file. */
    public boolean delete(String id) throws IOException {
        if (find(id).isEmpty()) {
            return false;
        }
        AtomicFiles.delete(root.resolve(id));
        return true;
    }
}
