package io.tandem.kernels.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/** Writes that a crash leaves either undone or done. */
public final class DurableFile {
    private DurableFile() {}

    /** The name beside a file under which to write it. */
    public static Path unfinished(Path file) {
        return file.resolveSibling(file.getFileName() + ".part");
    }

    /** Writes a file, replacing what is there; when this returns it is on the disk. */
    public static void write(Path file, byte[] content) throws IOException {
        Path unfinished = unfinished(file);
        try (FileChannel channel = FileChannel.open(
                unfinished,
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        publish(unfinished, file);
    }

    /** Gives a file, or a new directory, that is complete and on the disk its name; a file replaces what is there. */
    public static void publish(Path finished, Path file) throws IOException {
        Files.move(finished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        force(Objects.requireNonNull(file.toAbsolutePath().getParent()));
    }

    /**
     * Forces a file's content, or the names in a directory, to the disk. Windows cannot open a directory, and NTFS
     * journals names by itself; and it flushes files only through channels that may write.
     */
    public static void force(Path path) throws IOException {
        boolean posix = path.getFileSystem().supportedFileAttributeViews().contains("posix");
        if (posix || !Files.isDirectory(path)) {
            try (FileChannel channel =
                    FileChannel.open(path, posix ? StandardOpenOption.READ : StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
    }
}
