package io.tandem.kernels.testing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes GGUF files, as the format's description has them and without any check. */
public final class GgufWriter {
    private final Map<String, Object> values = new LinkedHashMap<>();
    private final ByteArrayOutputStream tensors = new ByteArrayOutputStream();
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();
    private int version = 3;
    private long count;
    private int alignment = 32;

    public GgufWriter version(int number) {
        version = number;
        return this;
    }

    /** Of tensors that follow. */
    public GgufWriter alignment(int bytes) {
        alignment = bytes;
        return put("general.alignment", bytes);
    }

    /** @param value Integer (u32), Long (u64), Float, Boolean, String, byte[] as it is, or a list of Integer (i32), Float or String */
    public GgufWriter put(String key, Object value) {
        values.put(key, value);
        return this;
    }

    public GgufWriter putAll(Map<String, ?> all) {
        values.putAll(all);
        return this;
    }

    /** @param shape sizes from the outermost */
    public GgufWriter tensor(String name, int type, long[] shape, byte[] bytes) {
        while (data.size() % alignment != 0) {
            data.write(0);
        }
        tensor(name, type, shape, data.size());
        data.writeBytes(bytes);
        return this;
    }

    /** A tensor whose data are elsewhere, or nowhere. */
    public GgufWriter tensor(String name, int type, long[] shape, long offset) {
        text(tensors, name);
        u32(tensors, shape.length);
        for (int i = shape.length - 1; i >= 0; i--) {
            u64(tensors, shape[i]);
        }
        u32(tensors, type);
        u64(tensors, offset);
        count++;
        return this;
    }

    /** A tensor of float32. */
    public GgufWriter floats(String name, long[] shape, float... numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(numbers);
        return tensor(name, 0, shape, bytes.array());
    }

    public void write(Path file) throws IOException {
        Files.write(file, bytes());
    }

    public byte[] bytes() {
        ByteArrayOutputStream all = header();
        while (all.size() % alignment != 0) {
            all.write(0);
        }
        all.writeBytes(data.toByteArray());
        return all.toByteArray();
    }

    /** What comes before the data, without padding. */
    public ByteArrayOutputStream header() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        u32(all, version);
        u64(all, count);
        u64(all, values.size());
        values.forEach((key, value) -> {
            text(all, key);
            value(all, value);
        });
        all.writeBytes(tensors.toByteArray());
        return all;
    }

    private static void value(ByteArrayOutputStream out, Object value) {
        if (value instanceof byte[] raw) {
            out.writeBytes(raw);
        } else if (value instanceof List<?> list) {
            Object first = list.isEmpty() ? "" : list.get(0);
            u32(out, 9);
            u32(out, first instanceof Integer ? 5 : type(first));
            u64(out, list.size());
            list.forEach(element -> content(out, element));
        } else {
            u32(out, type(value));
            content(out, value);
        }
    }

    private static int type(Object value) {
        return value instanceof Integer
                ? 4
                : value instanceof Float ? 6 : value instanceof Boolean ? 7 : value instanceof String ? 8 : 10;
    }

    private static void content(ByteArrayOutputStream out, Object value) {
        if (value instanceof Integer number) {
            u32(out, number);
        } else if (value instanceof Float number) {
            u32(out, Float.floatToRawIntBits(number));
        } else if (value instanceof Boolean bool) {
            out.write(bool ? 1 : 0);
        } else if (value instanceof String string) {
            text(out, string);
        } else {
            u64(out, (Long) value);
        }
    }

    static void text(ByteArrayOutputStream out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        u64(out, bytes.length);
        out.writeBytes(bytes);
    }

    static void u32(ByteArrayOutputStream out, int value) {
        out.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array());
    }

    static void u64(ByteArrayOutputStream out, long value) {
        out.writeBytes(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array());
    }
}
