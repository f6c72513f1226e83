package io.tandem.server.storage;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.StoredJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Documents in one file, written whole, for file systems that SQLite does not see: recorded ones, and other systems' rules. */
final class FileDocuments implements Documents {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final Map<String, Map<String, String>> documents = new TreeMap<>();
    private final Map<String, List<String>> logs = new TreeMap<>();

    FileDocuments(Path file) throws IOException {
        this.file = file;
        if (Files.exists(file)) {
            List<String> parts = Files.readAllLines(file);
            documents.putAll(JSON.readValue(parts.get(0), new TypeReference<Map<String, Map<String, String>>>() {}));
            logs.putAll(JSON.readValue(parts.get(1), new TypeReference<Map<String, List<String>>>() {}));
        }
    }

    private Map<String, String> in(String collection) {
        return documents.computeIfAbsent(collection, name -> new TreeMap<>());
    }

    @Override
    public synchronized Optional<ObjectNode> get(String collection, String id) {
        return Optional.ofNullable(in(collection).get(id)).flatMap(body -> parse(body, id));
    }

    private static Optional<ObjectNode> parse(String body, String id) {
        return StoredJson.parse(body, id);
    }

    @Override
    public synchronized List<Document> list(String collection, String prefix) {
        List<Document> found = new ArrayList<>();
        for (String id : ids(collection, prefix)) {
            get(collection, id).ifPresent(body -> found.add(new Document(id, body)));
        }
        return found;
    }

    @Override
    public synchronized List<String> ids(String collection, String prefix) {
        return in(collection).keySet().stream()
                .filter(id -> id.startsWith(prefix))
                .toList();
    }

    @Override
    public synchronized int write(List<Change> changes) throws IOException {
        int deleted = 0;
        for (Change change : changes) {
            if (change instanceof Change.Put put) {
                in(put.collection()).put(put.id(), put.body());
            } else if (change instanceof Change.Delete delete) {
                deleted += in(delete.collection()).remove(delete.id()) == null ? 0 : 1;
            } else if (change instanceof Change.Append append) {
                logs.computeIfAbsent(append.log(), name -> new ArrayList<>()).addAll(append.lines());
            } else if (change instanceof Change.Clear clear) {
                logs.remove(clear.log());
            }
        }
        AtomicFiles.write(file, JSON.writeValueAsString(documents) + "\n" + JSON.writeValueAsString(logs) + "\n");
        return deleted;
    }

    @Override
    public void writeSoon(List<Change> changes) throws IOException {
        write(changes);
    }

    @Override
    public synchronized List<Line> oldest(String log, long after, int limit) {
        List<String> lines = logs.getOrDefault(log, List.of());
        List<Line> found = new ArrayList<>();
        for (int i = (int) after; i < lines.size() && found.size() < limit; i++) {
            found.add(new Line(i + 1, lines.get(i)));
        }
        return found;
    }

    @Override
    public synchronized List<Line> newest(String log, long before, int limit) {
        int size = logs.getOrDefault(log, List.of()).size();
        List<Line> found = new ArrayList<>(oldest(log, 0, (int) Math.min(before - 1, size)));
        Collections.reverse(found);
        return found.subList(0, Math.min(limit, found.size()));
    }

    @Override
    public void close() {}
}
