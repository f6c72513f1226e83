package io.tandem.loadtest.model;

import io.tandem.kernels.weights.HalfPrecision;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A GGUF file read by its specification, for checking what was written. */
record GgufFile(int version, Map<String, Object> metadata, Map<String, Tensor> tensors) {

    /** @param shape as in the file, from the innermost */
    record Tensor(List<Long> shape, int type, long offset, float[] values) {}

    static GgufFile read(Path path) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[4];
        in.get(magic);
        if (!new String(magic, StandardCharsets.US_ASCII).equals("GGUF")) {
            throw new IOException("no GGUF file");
        }
        int version = in.getInt();
        long tensorCount = in.getLong();
        long entryCount = in.getLong();
        Map<String, Object> metadata = new LinkedHashMap<>();
        for (int i = 0; i < entryCount; i++) {
            metadata.put(text(in), value(in, in.getInt()));
        }
        Map<String, Tensor> heads = new LinkedHashMap<>();
        for (int i = 0; i < tensorCount; i++) {
            String name = text(in);
            List<Long> shape = new ArrayList<>();
            int dimensions = in.getInt();
            for (int d = 0; d < dimensions; d++) {
                shape.add(in.getLong());
            }
            heads.put(name, new Tensor(shape, in.getInt(), in.getLong(), new float[0]));
        }
        int alignment = (int) metadata.get("general.alignment");
        int data = (in.position() + alignment - 1) / alignment * alignment;
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        heads.forEach((name, head) -> {
            in.position(Math.toIntExact(data + head.offset()));
            tensors.put(name, new Tensor(head.shape(), head.type(), head.offset(), values(in, head)));
        });
        return new GgufFile(version, metadata, tensors);
    }

    private static float[] values(ByteBuffer in, Tensor head) {
        float[] values = new float
                [Math.toIntExact(head.shape().stream().mapToLong(size -> size).reduce(1, Math::multiplyExact))];
        float scale = 0;
        for (int i = 0; i < values.length; i++) {
            switch (head.type()) {
                case 0 -> values[i] = in.getFloat();
                case 30 -> values[i] = HalfPrecision.fromBfloat16(in.getShort());
                case 8 -> {
                    scale = i % 32 == 0 ? HalfPrecision.fromFloat16(in.getShort()) : scale;
                    values[i] = scale * in.get();
                }
                default -> throw new IllegalStateException("type " + head.type());
            }
        }
        return values;
    }

    private static Object value(ByteBuffer in, int type) {
        return switch (type) {
            case 4, 5 -> in.getInt();
            case 6 -> in.getFloat();
            case 7 -> in.get() == 1;
            case 8 -> text(in);
            case 9 -> {
                int of = in.getInt();
                long length = in.getLong();
                List<Object> values = new ArrayList<>();
                for (long i = 0; i < length; i++) {
                    values.add(value(in, of));
                }
                yield values;
            }
            default -> throw new IllegalStateException("metadata of type " + type);
        };
    }

    private static String text(ByteBuffer in) {
        byte[] bytes = new byte[Math.toIntExact(in.getLong())];
        in.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
