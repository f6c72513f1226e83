package io.tandem.kernels.weights;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Small files from strangers. */
public final class BoundedFile {
    private BoundedFile() {}

    /**
     * Reads a file whole.
     *
     * @param maxBytes larger files are refused unread
     * @throws ModelFormatException if the file is missing or too large, or cannot be read
     */
    public static byte[] read(Path file, int maxBytes) {
        if (!Files.isRegularFile(file)) {
            throw ModelFormatException.in(file, "no such file");
        }
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            // Not Files.size: the file may grow between the question and the reading.
            bytes = in.readNBytes(maxBytes + 1);
        } catch (IOException e) {
            throw ModelFormatException.in(file, "cannot be read", e);
        }
        if (bytes.length > maxBytes) {
            throw ModelFormatException.in(file, "larger than the limit of " + maxBytes + " bytes");
        }
        return bytes;
    }
}
