package io.tandem.kernels.gguf;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads what comes before the tensors' data, version 2 or 3, little-endian. Nothing in it is trusted.
 *
 * @param tensors by their names
 * @param bytes how long it is
 */
record GgufHeader(Metadata metadata, Map<String, GgufTensor> tensors, long bytes) {
    private static final int MAGIC = 0x46554747;
    private static final int MAX_TENSORS = 1 << 20;
    private static final int MAX_KEYS = 1 << 16;
    private static final int MAX_NAME_BYTES = 1 << 16;
    private static final int MAX_TEXT_BYTES = 16 << 20;
    /** Of all lists together: tokens, their types and scores, and merges of the largest vocabularies are a million. */
    private static final int MAX_ELEMENTS = 1 << 22;

    private static final int MAX_DIMENSIONS = 4;
    private static final int MAX_ALIGNMENT = 1 << 20;
    private static final String ALIGNMENT = "general.alignment";
    /** Name, type and one byte. */
    private static final int LEAST_KEY_BYTES = 13;
    /** Name, number of dimensions, type and offset. */
    private static final int LEAST_TENSOR_BYTES = 24;

    static GgufHeader read(Path file, GgufInput in) throws IOException {
        return new Reader(file, in).read();
    }

    /** Reads one file. */
    private static final class Reader {
        private final Path file;
        private final GgufInput in;
        private int elements;

        Reader(Path file, GgufInput in) {
            this.file = file;
            this.in = in;
        }

        GgufHeader read() throws IOException {
            if (in.size() < 4 || in.i32("the magic number") != MAGIC) {
                throw in.problem("not a GGUF file: it does not begin with GGUF");
            }
            version(in.i32("the version"));
            int tensorCount = in.count("the number of tensors", LEAST_TENSOR_BYTES, MAX_TENSORS);
            int keys = in.count("the number of keys", LEAST_KEY_BYTES, MAX_KEYS);
            Map<String, Object> values = new LinkedHashMap<>();
            for (int i = 0; i < keys; i++) {
                String key = in.text("the name of key " + i, MAX_NAME_BYTES);
                if (values.put(key, value(key, in.i32("the type of " + key))) != null) {
                    throw in.problem("the key " + key + " occurs twice");
                }
            }
            Metadata metadata = new Metadata(file, values);
            List<GgufTensor> found = new ArrayList<>();
            for (int i = 0; i < tensorCount; i++) {
                found.add(tensor(i));
            }
            return new GgufHeader(metadata, place(found, alignment(metadata)), in.position());
        }

        private void version(int version) {
            if (version == Integer.reverseBytes(2) || version == Integer.reverseBytes(3)) {
                throw in.problem("it is big-endian, expected little-endian");
            }
            if (version != 2 && version != 3) {
                throw in.problem("version " + Integer.toUnsignedString(version) + " of GGUF, expected 2 or 3");
            }
        }

        private Object value(String key, int type) throws IOException {
            return switch (type) {
                case 0 -> (long) in.u8(key);
                case 1 -> (long) (byte) in.u8(key);
                case 2 -> (long) in.u16(key);
                case 3 -> (long) (short) in.u16(key);
                case 4 -> Integer.toUnsignedLong(in.i32(key));
                case 5 -> (long) in.i32(key);
                // The number that was meant, 1e-6 for example, and not its float's.
                case 6 -> Double.valueOf(Float.toString(Float.intBitsToFloat(in.i32(key))));
                case 7 -> in.u8(key) != 0;
                case 8 -> in.text(key, MAX_TEXT_BYTES);
                case 9 -> list(key);
                case 10, 11 -> in.i64(key);
                case 12 -> Double.longBitsToDouble(in.i64(key));
                default -> throw in.problem(key + " has the unknown type " + Integer.toUnsignedString(type));
            };
        }

        private List<Object> list(String key) throws IOException {
            int type = in.i32("the type of the elements of " + key);
            if (type == 9) {
                throw in.problem(key + " is a list of lists, which is not supported");
            }
            int count = in.count("the number of elements of " + key, leastBytes(key, type), MAX_ELEMENTS - elements);
            elements += count;
            List<Object> list = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                list.add(value(key, type));
            }
            return list;
        }

        private int leastBytes(String key, int type) {
            return switch (type) {
                case 0, 1, 7 -> 1;
                case 2, 3 -> 2;
                case 4, 5, 6 -> 4;
                case 8, 10, 11, 12 -> 8;
                default ->
                    throw in.problem(key + " has elements of the unknown type " + Integer.toUnsignedString(type));
            };
        }

        /** Its place is an offset into the data still. */
        private GgufTensor tensor(int index) throws IOException {
            String name = in.text("the name of tensor " + index, MAX_NAME_BYTES);
            String what = "tensor " + name;
            int dimensions = in.i32(what);
            if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
                throw in.problem(what + " has " + Integer.toUnsignedString(dimensions) + " dimensions, expected 1 to "
                        + MAX_DIMENSIONS);
            }
            long[] shape = new long[dimensions];
            for (int i = dimensions - 1; i >= 0; i--) {
                shape[i] = in.i64(what);
                if (shape[i] < 1) {
                    throw in.problem(what + " has a dimension of " + Long.toUnsignedString(shape[i]));
                }
            }
            int number = in.i32(what);
            TensorType type = TensorType.of(number)
                    .orElseThrow(() -> in.problem(what + " is of type " + TensorType.name(number) + "; supported are "
                            + TensorType.supported() + " (docs/models.md)"));
            return new GgufTensor(name, type, shape, in.i64(what));
        }

        private int alignment(Metadata metadata) {
            int alignment = metadata.integer(ALIGNMENT).orElse(32);
            if (alignment < 8 || alignment % 8 != 0 || alignment > MAX_ALIGNMENT) {
                throw metadata.refuse(ALIGNMENT, "a multiple of 8 up to " + MAX_ALIGNMENT);
            }
            return alignment;
        }

        private Map<String, GgufTensor> place(List<GgufTensor> found, int alignment) {
            long data = (in.position() + alignment - 1) / alignment * alignment;
            Map<String, GgufTensor> tensors = new LinkedHashMap<>();
            for (GgufTensor tensor : found) {
                check(tensor, alignment, Math.max(0, in.size() - data));
                GgufTensor placed = new GgufTensor(tensor.name(), tensor.type(), tensor.shape(), data + tensor.begin());
                if (tensors.put(tensor.name(), placed) != null) {
                    throw in.problem("the tensor " + tensor.name() + " occurs twice");
                }
            }
            return tensors;
        }

        private void check(GgufTensor tensor, int alignment, long available) {
            if (tensor.begin() < 0 || tensor.begin() % alignment != 0) {
                throw in.problem("tensor " + tensor + " begins at " + Long.toUnsignedString(tensor.begin())
                        + ", expected a multiple of " + alignment);
            }
            int together = tensor.type().format().elements();
            if (tensor.rowElements() % together != 0) {
                throw in.problem("tensor " + tensor + " has rows of " + tensor.rowElements()
                        + " numbers, expected a multiple of " + together);
            }
            long room = available - tensor.begin();
            long bytes = tensor.rowElements() / together;
            try {
                bytes = Math.multiplyExact(bytes, (long) tensor.type().format().bytes());
                for (int i = 0; i < tensor.shape().length - 1; i++) {
                    bytes = Math.multiplyExact(bytes, tensor.shape()[i]);
                }
            } catch (ArithmeticException e) {
                bytes = Long.MAX_VALUE;
            }
            if (bytes > room) {
                throw in.problem("tensor " + tensor + " ends beyond the file: it takes "
                        + (bytes == Long.MAX_VALUE ? "more than 2^63" : bytes) + " bytes, and " + Math.max(0, room)
                        + " follow. Is the download complete?");
            }
        }
    }
}
