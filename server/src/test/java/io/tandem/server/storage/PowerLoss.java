package io.tandem.server.storage;

import io.tandem.server.storage.Recording.Change;
import io.tandem.server.storage.Recording.Force;
import io.tandem.server.storage.Recording.Node;
import io.tandem.server.storage.Recording.Put;
import io.tandem.server.storage.Recording.Remove;
import io.tandem.server.storage.Recording.Rename;
import io.tandem.server.storage.Recording.Truncate;
import io.tandem.server.storage.Recording.Write;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/** What a disk holds when the power goes after some of the changes of a {@link Recording}. */
final class PowerLoss {
    private final Map<Node, Map<String, Node>> directories = new IdentityHashMap<>();
    private final Map<Node, byte[]> files = new IdentityHashMap<>();
    private final Node root;

    /**
     * @param count of changes before the loss
     * @param kept which of the changes that were not forced have reached the disk all the same
     */
    PowerLoss(Recording recording, int count, Predicate<Change> kept) {
        root = recording.root();
        List<Change> changes = recording.changes().subList(0, count);
        Set<Integer> lasting = lasting(changes);
        for (int i = 0; i < count; i++) {
            if (lasting.contains(i) || kept.test(changes.get(i))) {
                apply(changes.get(i));
            }
        }
    }

    /** Those after which what holds them was forced. */
    private static Set<Integer> lasting(List<Change> changes) {
        Set<Node> forced = Collections.newSetFromMap(new IdentityHashMap<>());
        Set<Integer> lasting = new HashSet<>();
        for (int i = changes.size() - 1; i >= 0; i--) {
            if (changes.get(i) instanceof Force force) {
                forced.add(force.held());
            } else if (forced.contains(changes.get(i).held())) {
                lasting.add(i);
            }
        }
        return lasting;
    }

    private Map<String, Node> entries(Node directory) {
        return directories.computeIfAbsent(directory, none -> new TreeMap<>());
    }

    private void apply(Change change) {
        if (change instanceof Put put) {
            entries(put.held()).put(put.name(), put.node());
        } else if (change instanceof Remove remove) {
            entries(remove.held()).remove(remove.name());
        } else if (change instanceof Rename rename) {
            entries(rename.from()).remove(rename.oldName(), rename.node());
            entries(rename.held()).put(rename.name(), rename.node());
        } else if (change instanceof Write write) {
            byte[] before = files.getOrDefault(write.held(), new byte[0]);
            int end = Math.toIntExact(write.at() + write.bytes().length);
            byte[] after = Arrays.copyOf(before, Math.max(before.length, end));
            System.arraycopy(write.bytes(), 0, after, (int) write.at(), write.bytes().length);
            files.put(write.held(), after);
        } else if (change instanceof Truncate cut) {
            byte[] before = files.getOrDefault(cut.held(), new byte[0]);
            files.put(cut.held(), Arrays.copyOf(before, (int) Math.min(before.length, cut.size())));
        }
    }

    /** The same for states that hold the same. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        describe(root, text);
        return text.toString();
    }

    private void describe(Node node, StringBuilder text) {
        entries(node).forEach((name, entry) -> {
            text.append(name);
            if (entry.isDirectory()) {
                describe(entry, text.append("{"));
                text.append("}");
            } else {
                text.append(Arrays.hashCode(files.get(entry))).append(' ');
            }
        });
    }

    /** Writes what is left into a directory. */
    void restore(Path directory) throws IOException {
        restore(root, directory, new HashMap<>());
    }

    private void restore(Node node, Path directory, Map<Node, Path> links) throws IOException {
        for (Map.Entry<String, Node> entry : entries(node).entrySet()) {
            Path path = directory.resolve(entry.getKey());
            if (entry.getValue().isDirectory()) {
                Files.createDirectory(path);
                restore(entry.getValue(), path, links);
            } else if (links.containsKey(entry.getValue())) {
                Files.createLink(path, links.get(entry.getValue()));
            } else {
                Files.write(path, files.getOrDefault(entry.getValue(), new byte[0]));
                links.put(entry.getValue(), path);
            }
        }
    }
}
