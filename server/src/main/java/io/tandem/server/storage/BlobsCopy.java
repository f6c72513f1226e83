package io.tandem.server.storage;

import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.blob.S3Blobs;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/** Copies blobs from a data directory into a bucket. What was copied before is not copied again. */
public final class BlobsCopy {
    /** Hears of each blob. */
    public interface Progress {
        /**
         * @param done of all blobs
         * @param bytes of those that were copied now
         */
        void at(int done, int all, long bytes);
    }

    private BlobsCopy() {}

    /**
     * Copies all blobs, and the mark of their owner last, so that no server uses the bucket before all are there.
     *
     * @param root the data directory, which is left as it is
     * @return how many blobs were copied now
     * @throws IOException if one of them fails; then the next try goes on
     */
    public static int copy(Path root, S3Blobs to, Progress progress) throws IOException {
        if (!new DiskBlobs(root).exists(Storage.OWNER_KEY)) {
            throw new IOException("there are no files, adapters and checkpoints of a server in " + root);
        }
        if (to.exists(Storage.OWNER_KEY) && !to.has(Storage.OWNER_KEY, root.resolve(Storage.OWNER_KEY))) {
            throw new IOException("the bucket has files, adapters and checkpoints of another server");
        }
        List<String> keys = keys(root);
        int copied = 0;
        long bytes = 0;
        for (int i = 0; i < keys.size(); i++) {
            String key = keys.get(i);
            // A link would be looked at as a directory without files.
            Path content = root.resolve(key).toRealPath();
            if (!to.has(key, content)) {
                to.put(key, place -> DiskBlobs.link(content, place));
                copied++;
                bytes += AtomicFiles.bytes(content);
            }
            progress.at(i + 1, keys.size(), bytes);
        }
        return copied;
    }

    private static List<String> keys(Path root) throws IOException {
        List<String> keys = new ArrayList<>();
        // Stores may be links to other disks.
        Set<FileVisitOption> links = Set.of(FileVisitOption.FOLLOW_LINKS);
        Files.walkFileTree(root, links, Integer.MAX_VALUE, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                return add(directory) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                add(file);
                return FileVisitResult.CONTINUE;
            }

            private boolean add(Path path) {
                String key = root.relativize(path).toString().replace('\\', '/');
                return Keys.isBlob(key) && keys.add(key);
            }
        });
        Collections.sort(keys);
        keys.remove(Storage.OWNER_KEY);
        keys.add(Storage.OWNER_KEY);
        return keys;
    }
}
