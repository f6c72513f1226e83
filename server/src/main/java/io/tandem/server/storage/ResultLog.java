package io.tandem.server.storage;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;

/**
 * Lines of JSON objects. A line that was forced survives a crash; one that a crash cut off is gone when the log is opened
 * again, so that it can be written once more.
 */
public final class ResultLog implements Closeable {
    /** Of a line, for those who want to know which it is. */
    private static final int HEAD_BYTES = 64;

    private static final int BUFFER_BYTES = 1 << 16;

    private final FileChannel channel;
    private long end;

    private ResultLog(FileChannel channel, long end) {
        this.channel = channel;
        this.end = end;
    }

    /**
     * Opens a log; makes it if it is absent.
     *
     * @param heads gets the first bytes of each line that is there
     */
    static ResultLog open(Path file, Consumer<String> heads) throws IOException {
        try {
            Lines lines = new Lines();
            lines.read(file, OutputStream.nullOutputStream(), heads);
            if (lines.damaged) {
                StoredJson.report(file.toString(), "lines that are not whole are left out and written again");
                AtomicFiles.create(file, unfinished -> copyWhole(file, unfinished));
            }
        } catch (NoSuchFileException e) {
            AtomicFiles.write(file, "");
        }
        FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        return new ResultLog(channel, channel.size());
    }

    private static void copyWhole(Path from, Path to) throws IOException {
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(to))) {
            new Lines().read(from, out, head -> {});
        }
    }

    /** Adds a line; nothing of it stays if the disk does not take all of it. */
    public void append(String line) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
        long at = end;
        try {
            while (bytes.hasRemaining()) {
                at += channel.write(bytes, at);
            }
        } catch (IOException e) {
            channel.truncate(end);
            throw new NotStoredException(e);
        }
        end = at;
    }

    /** When this returns, all lines survive a crash. */
    public void force() throws IOException {
        channel.force(false);
    }

    public boolean empty() {
        return end == 0;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** Goes through a file of any size, one buffer at a time. */
    private static final class Lines {
        private final ByteArrayOutputStream line = new ByteArrayOutputStream();
        private boolean damaged;

        /** @param whole gets the lines that are JSON objects, as far as their ends tell */
        void read(Path file, OutputStream whole, Consumer<String> heads) throws IOException {
            try (InputStream in = new BufferedInputStream(Files.newInputStream(file), BUFFER_BYTES)) {
                for (int next = in.read(); next >= 0; next = in.read()) {
                    if (next != '\n') {
                        line.write(next);
                        continue;
                    }
                    byte[] bytes = line.toByteArray();
                    line.reset();
                    if (isObject(bytes)) {
                        whole.write(bytes);
                        whole.write('\n');
                        heads.accept(
                                new String(bytes, 0, Math.min(bytes.length, HEAD_BYTES), StandardCharsets.ISO_8859_1));
                    } else {
                        damaged = true;
                    }
                }
            }
            damaged |= line.size() > 0;
        }

        private static boolean isObject(byte[] bytes) {
            boolean object = bytes.length > 1 && bytes[0] == '{' && bytes[bytes.length - 1] == '}';
            for (int i = 0; i < bytes.length && object; i++) {
                // What a loss of power leaves of a line may be zeros.
                object = bytes[i] != 0;
            }
            return object;
        }
    }
}
