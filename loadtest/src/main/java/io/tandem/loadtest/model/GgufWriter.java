package io.tandem.loadtest.model;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Writes a GGUF file of version 3: header, metadata, what tensors there are, and their data, each at a multiple of 32
 * bytes. Tensors are asked for one after the other.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the specification</a>
 */
final class GgufWriter {
    static final int ALIGNMENT = 32;
    private static final int VERSION = 3;
    private static final int CHUNK_BYTES = 1 << 16;

    /** Types of metadata values, by their numbers. */
    private static final int UINT32 = 4;

    private static final int INT32 = 5;
    private static final int FLOAT32 = 6;
    private static final int BOOL = 7;
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    /** @param shape sizes from the outermost, as everywhere but in the file */
    private record Tensor(String name, GgufType type, long[] shape, Supplier<float[]> source) {
        long count() {
            return shape.length == 2 ? shape[0] * shape[1] : shape[0];
        }

        long paddedBytes() {
            return aligned(type.bytes(count()));
        }
    }

    private final Bytes metadata = new Bytes();
    private int entries;
    private final List<Tensor> tensors = new ArrayList<>();

    GgufWriter put(String key, String value) {
        key(key, STRING).text(value);
        return this;
    }

    GgufWriter put(String key, int value) {
        key(key, UINT32).number(value);
        return this;
    }

    GgufWriter put(String key, float value) {
        key(key, FLOAT32).number(Float.floatToRawIntBits(value));
        return this;
    }

    GgufWriter put(String key, boolean value) {
        key(key, BOOL).write(value ? 1 : 0);
        return this;
    }

    GgufWriter put(String key, List<String> values) {
        Bytes out = key(key, ARRAY).number(STRING).number64(values.size());
        values.forEach(out::text);
        return this;
    }

    GgufWriter put(String key, int[] values) {
        Bytes out = key(key, ARRAY).number(INT32).number64(values.length);
        for (int value : values) {
            out.number(value);
        }
        return this;
    }

    /** @param source gives the values row by row when their turn comes */
    void tensor(String name, GgufType type, long[] shape, Supplier<float[]> source) {
        tensors.add(new Tensor(name, type, shape, source));
    }

    private Bytes key(String key, int type) {
        entries++;
        return metadata.text(key).number(type);
    }

    void write(Path file) throws IOException {
        Bytes head = new Bytes();
        head.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        head.number(VERSION).number64(tensors.size()).number64(entries);
        head.writeBytes(metadata.toByteArray());
        long at = 0;
        for (Tensor tensor : tensors) {
            head.text(tensor.name()).number(tensor.shape().length);
            for (int i = tensor.shape().length - 1; i >= 0; i--) {
                head.number64(tensor.shape()[i]);
            }
            head.number(tensor.type().code()).number64(at);
            at += tensor.paddedBytes();
        }
        head.writeBytes(new byte[Math.toIntExact(aligned(head.size()) - head.size())]);
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            writeFully(channel, ByteBuffer.wrap(head.toByteArray()));
            ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (Tensor tensor : tensors) {
                write(channel, chunk, tensor);
            }
        }
    }

    private static void write(FileChannel channel, ByteBuffer chunk, Tensor tensor) throws IOException {
        GgufType type = tensor.type();
        long room = type.bytes(type.block());
        float[] values = tensor.source().get();
        if (values.length != tensor.count()) {
            throw new IllegalArgumentException(values.length + " values for " + tensor.name());
        }
        chunk.clear();
        for (int from = 0; from < values.length; from += type.block()) {
            if (chunk.remaining() < room) {
                writeFully(channel, chunk.flip());
                chunk.clear();
            }
            type.encode(values, from, chunk);
        }
        writeFully(channel, chunk.flip());
        long padding = tensor.paddedBytes() - type.bytes(tensor.count());
        writeFully(channel, ByteBuffer.allocate(Math.toIntExact(padding)));
    }

    private static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    /** Little-endian numbers, and text behind its length. */
    private static final class Bytes extends ByteArrayOutputStream {
        Bytes number(int value) {
            writeBytes(ByteBuffer.allocate(Integer.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(value)
                    .array());
            return this;
        }

        Bytes number64(long value) {
            writeBytes(ByteBuffer.allocate(Long.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(value)
                    .array());
            return this;
        }

        Bytes text(String value) {
            byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
            number64(bytes.length).writeBytes(bytes);
            return this;
        }
    }
}
