package io.tandem.kernels.weights;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.IOException;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/** Writes safetensors files; the same tensors always give the same bytes. */
public final class SafetensorsWriter {
    private static final int CHUNK_BYTES = 1 << 16;

    private SafetensorsWriter() {}

    /**
     * A tensor to write.
     *
     * @param dtype F32, F16 or BF16, and values are rounded to it; or I32 or I64
     * @param shape sizes from the outermost
     * @param source gives the values row by row when their turn comes, so that they need not all be in memory: {@code
     *     float[]}, of I32 {@code int[]}, of I64 {@code long[]}
     */
    public record Tensor(StoredType dtype, long[] shape, Supplier<?> source) {
        private static final Set<StoredType> WRITTEN =
                EnumSet.of(StoredType.F32, StoredType.F16, StoredType.BF16, StoredType.I32, StoredType.I64);

        public Tensor {
            if (!WRITTEN.contains(dtype)) {
                throw new IllegalArgumentException("cannot write " + dtype + ", expected F32, F16, BF16, I32 or I64");
            }
        }

        /** @param values row by row */
        public Tensor(StoredType dtype, long[] shape, float[] values) {
            this(dtype, shape, () -> values);
            checkLength(values.length);
        }

        /** What puts the value of an index into the buffer. */
        private IntConsumer putting(ByteBuffer chunk) {
            Object values = source.get();
            checkLength(Array.getLength(values));
            return switch (dtype) {
                case I32 -> index -> chunk.putInt(((int[]) values)[index]);
                case I64 -> index -> chunk.putLong(((long[]) values)[index]);
                case F16 -> index -> chunk.putShort(HalfPrecision.toFloat16(((float[]) values)[index]));
                case BF16 -> index -> chunk.putShort(HalfPrecision.toBfloat16(((float[]) values)[index]));
                default -> index -> chunk.putFloat(((float[]) values)[index]);
            };
        }

        private void checkLength(int length) {
            if (elements() != length) {
                throw new IllegalArgumentException(length + " values for the shape " + Arrays.toString(shape));
            }
        }

        private long elements() {
            long elements = 1;
            for (long size : shape) {
                elements = Math.multiplyExact(elements, size);
            }
            return elements;
        }

        long bytes() {
            return elements() * dtype.bytes();
        }
    }

    /**
     * Writes a file and forces it to the disk; a file that is there is replaced. Until it returns, the file may be
     * incomplete, which every reader of the format notices by its length.
     *
     * @param tensors by name
     */
    public static void write(Path file, Map<String, Tensor> tensors) throws IOException {
        // Wider elements first keeps every tensor aligned; within a type, by name.
        List<Map.Entry<String, Tensor>> ordered = new ArrayList<>(tensors.entrySet());
        ordered.sort(Comparator.comparing((Map.Entry<String, Tensor> entry) ->
                        -entry.getValue().dtype().bytes())
                .thenComparing(Map.Entry::getKey));
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            byte[] header = header(ordered);
            ByteBuffer prefix = ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN);
            writeFully(channel, prefix.putLong(header.length).put(header).flip());
            ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (Map.Entry<String, Tensor> entry : ordered) {
                write(channel, chunk, entry.getValue());
            }
            channel.force(true);
        }
    }

    private static byte[] header(List<Map.Entry<String, Tensor>> ordered) {
        StringJoiner fields = new StringJoiner(",", "{", "}").add("\"__metadata__\":{\"format\":\"pt\"}");
        long at = 0;
        for (Map.Entry<String, Tensor> entry : ordered) {
            Tensor tensor = entry.getValue();
            StringJoiner shape = new StringJoiner(",", "[", "]");
            for (long size : tensor.shape()) {
                shape.add(Long.toString(size));
            }
            String name = new String(JsonStringEncoder.getInstance().quoteAsString(entry.getKey()));
            fields.add("\"" + name + "\":{\"dtype\":\"" + tensor.dtype() + "\",\"shape\":" + shape
                    + ",\"data_offsets\":[" + at + "," + (at + tensor.bytes()) + "]}");
            at += tensor.bytes();
        }
        byte[] json = fields.toString().getBytes(StandardCharsets.UTF_8);
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        return padded;
    }

    private static void write(FileChannel channel, ByteBuffer chunk, Tensor tensor) throws IOException {
        IntConsumer put = tensor.putting(chunk);
        chunk.clear();
        for (int i = 0; i < tensor.elements(); i++) {
            if (chunk.remaining() < tensor.dtype().bytes()) {
                writeFully(channel, chunk.flip());
                chunk.clear();
            }
            put.accept(i);
        }
        writeFully(channel, chunk.flip());
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
