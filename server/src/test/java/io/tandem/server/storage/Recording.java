package io.tandem.server.storage;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What was done to a tree of files, in order, with the promises that were made meanwhile.
 *
 * <p>It follows POSIX and nothing better: the content of a file is on the disk when the file was forced, an entry of a
 * directory when the directory was; until then either may be lost or there, each by itself.
 */
final class Recording {
    private final Node root = Node.directory();
    private final List<Change> changes = new ArrayList<>();
    private final List<Promise> promises = new ArrayList<>();

    /** A file or a directory, whatever its names are. */
    static final class Node {
        private final boolean isDirectory;
        private final Map<String, Node> entries = new TreeMap<>();

        private Node(boolean isDirectory) {
            this.isDirectory = isDirectory;
        }

        static Node directory() {
            return new Node(true);
        }

        static Node file() {
            return new Node(false);
        }

        boolean isDirectory() {
            return isDirectory;
        }

        Map<String, Node> entries() {
            return entries;
        }
    }

    /** One thing that reaches the disk by itself or not at all. */
    sealed interface Change {
        /** What has to be forced for the change to last. */
        Node held();
    }

    record Put(Node held, String name, Node node) implements Change {}

    record Remove(Node held, String name) implements Change {}

    /** In one step, and there when the directory it went to is. */
    record Rename(Node from, String oldName, Node held, String name, Node node) implements Change {}

    record Write(Node held, long at, byte[] bytes) implements Change {}

    record Truncate(Node held, long size) implements Change {}

    record Force(Node held) implements Change {}

    /** Looks whether something is there. */
    interface Check {
        void in(Path root) throws Exception;
    }

    /**
     * Something was acknowledged.
     *
     * @param from after so many changes
     * @param name of what it is about; it holds until that is changed again
     */
    record Promise(int from, String name, Check check) {}

    /** From here on what was promised about something may no longer hold. */
    private static final Check NOTHING = root -> {};

    /** Announces a change of something. */
    synchronized void begins(String name) {
        promises.add(new Promise(changes.size(), name, NOTHING));
    }

    /** Whatever happens now, the check holds. */
    synchronized void promise(String name, Check check) {
        promises.add(new Promise(changes.size(), name, check));
    }

    /** The promises that hold after so many changes. */
    synchronized List<Check> promised(int count) {
        Map<String, Check> valid = new TreeMap<>();
        for (Promise promise : promises) {
            if (promise.from() <= count) {
                // An announcement at the very moment counts, since the change may follow at once.
                valid.put(promise.name(), promise.check());
            }
        }
        return List.copyOf(valid.values());
    }

    synchronized void add(Change change) {
        changes.add(change);
        apply(change);
    }

    private static void apply(Change change) {
        if (change instanceof Put put) {
            put.held().entries.put(put.name(), put.node());
        } else if (change instanceof Remove remove) {
            remove.held().entries.remove(remove.name());
        } else if (change instanceof Rename rename) {
            rename.from().entries.remove(rename.oldName());
            rename.held().entries.put(rename.name(), rename.node());
        }
    }

    synchronized List<Change> changes() {
        return List.copyOf(changes);
    }

    Node root() {
        return root;
    }
}
