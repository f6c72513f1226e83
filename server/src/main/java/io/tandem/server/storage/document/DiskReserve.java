package io.tandem.server.storage.document;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Room on a disk that is kept for what frees more of it, in a file that is deleted when the disk is full. */
class DiskReserve {
    private static final Logger LOG = LoggerFactory.getLogger(DiskReserve.class);
    /** A deletion takes some 20 KiB of a write-ahead log. */
    static final int BYTES = 4 << 20;
    /** Where less is free, others need it. */
    private static final long LEAST_FREE = 4 * BYTES;

    private final Path file;

    DiskReserve(Path file) {
        this.file = file;
    }

    /** Takes the room, unless it is taken already or not there. */
    void take() {
        try {
            if (Files.exists(file) && Files.size(file) == BYTES) {
                return;
            }
            if (Files.getFileStore(file.toAbsolutePath().getParent()).getUsableSpace() < LEAST_FREE) {
                return;
            }
            byte[] content = new byte[BYTES];
            // Some file systems store zeros without taking room for them.
            new Random(BYTES).nextBytes(content);
            Files.write(file, content);
        } catch (IOException e) {
            LOG.debug("no reserve: {}", e.toString());
            giveBack();
        }
    }

    /** Leaves the room to others; false if none was taken. */
    boolean giveBack() {
        try {
            return Files.deleteIfExists(file);
        } catch (IOException e) {
            LOG.warn("the reserve {} cannot be deleted: {}", file, e.toString());
            return false;
        }
    }
}
