package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The beginning of a file, read in order. Nothing is allocated for a count before as many bytes are known to follow. */
final class GgufInput {
    private static final int BUFFER_BYTES = 1 << 16;
    /** Twenty times what a vocabulary of 256k tokens takes. */
    private static final long MAX_BYTES = 256 << 20;

    private final Path file;
    private final FileChannel channel;
    private final long size;
    private final ByteBuffer buffer =
            ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN).limit(0);
    private long position;

    GgufInput(Path file, FileChannel channel) throws IOException {
        this.file = file;
        this.channel = channel;
        this.size = channel.size();
    }

    /** Bytes read so far. */
    long position() {
        return position;
    }

    long size() {
        return size;
    }

    int u8(String what) throws IOException {
        return take(1, what).get() & 0xFF;
    }

    int u16(String what) throws IOException {
        return take(2, what).getShort() & 0xFFFF;
    }

    int i32(String what) throws IOException {
        return take(4, what).getInt();
    }

    long i64(String what) throws IOException {
        return take(8, what).getLong();
    }

    /**
     * How many of something follow.
     *
     * @param bytes the least that one of them takes
     * @param limit the most that there may be
     */
    int count(String what, int bytes, int limit) throws IOException {
        long count = i64(what);
        long fitting = (size - position) / bytes;
        if (count < 0 || count > fitting) {
            throw problem(what + " is " + Long.toUnsignedString(count) + ", but the file has room for " + fitting);
        }
        if (count > limit) {
            throw problem(what + " is " + count + ", expected at most " + limit);
        }
        return (int) count;
    }

    String text(String what, int limit) throws IOException {
        byte[] bytes = new byte[count("the length of " + what, 1, limit)];
        int done = 0;
        while (done < bytes.length) {
            int part = Math.min(bytes.length - done, BUFFER_BYTES);
            take(part, what).get(bytes, done, part);
            done += part;
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    ModelFormatException problem(String problem) {
        return ModelFormatException.in(file, problem);
    }

    private ByteBuffer take(int bytes, String what) throws IOException {
        if (size - position < bytes) {
            throw problem("the file ends at byte " + size + ", within " + what);
        }
        if (position + bytes > MAX_BYTES) {
            throw problem("everything before the tensors takes more than " + MAX_BYTES + " bytes");
        }
        if (buffer.remaining() < bytes) {
            buffer.compact();
            while (buffer.position() < bytes) {
                if (channel.read(buffer) < 0) {
                    throw problem("the file became shorter while it was read");
                }
            }
            buffer.flip();
        }
        position += bytes;
        return buffer;
    }
}
