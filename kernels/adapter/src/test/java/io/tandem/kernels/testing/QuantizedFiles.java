package io.tandem.kernels.testing;

import io.tandem.kernels.weights.HalfPrecision;
import io.tandem.kernels.weights.StoredType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.StringJoiner;

/** Writes quantized checkpoints bit by bit, from the descriptions of their formats. */
public final class QuantizedFiles {
    /** AutoAWQ's order: which of eight outputs the i-th four bits hold. */
    private static final int[] AWQ_ORDER = {0, 2, 4, 6, 1, 3, 5, 7};

    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    private record Tensor(StoredType dtype, long[] shape, byte[] bytes) {
        String header(int begin) {
            StringJoiner sizes = new StringJoiner(",", "[", "]");
            for (long size : shape) {
                sizes.add(Long.toString(size));
            }
            int end = begin + bytes.length;
            return "{\"dtype\":\"" + dtype + "\",\"shape\":" + sizes + ",\"data_offsets\":[" + begin + "," + end + "]}";
        }
    }

    /**
     * A weight of random integers with its value.
     *
     * @param scales of each output and group; exact in float16
     * @param group of each input
     */
    public record Linear(int[][] codes, int[][] zeros, float[][] scales, int[] group) {
        /** @param symmetric whether every zero point is the middle */
        public static Linear random(Random random, int outputs, int inputs, int bits, int groups, boolean symmetric) {
            int[][] codes = new int[outputs][inputs];
            int[][] zeros = new int[outputs][groups];
            float[][] scales = new float[outputs][groups];
            int[] group = new int[inputs];
            for (int i = 0; i < inputs; i++) {
                group[i] = i / ((inputs + groups - 1) / groups);
            }
            for (int o = 0; o < outputs; o++) {
                for (int i = 0; i < inputs; i++) {
                    codes[o][i] = random.nextInt(1 << bits);
                }
                for (int g = 0; g < groups; g++) {
                    // The first version of GPTQ's format stores one less, so it has no zero point of 0.
                    zeros[o][g] = symmetric ? 1 << (bits - 1) : 1 + random.nextInt((1 << bits) - 1);
                    float scale = (float) ((0.5 + random.nextDouble()) / (1 << bits));
                    scales[o][g] = HalfPrecision.fromFloat16(HalfPrecision.toFloat16(scale));
                }
            }
            return new Linear(codes, zeros, scales, group);
        }

        /** The weight, row by row. */
        public float[] values() {
            int inputs = group.length;
            float[] values = new float[codes.length * inputs];
            for (int o = 0; o < codes.length; o++) {
                for (int i = 0; i < inputs; i++) {
                    double scale = scales[o][group[i]];
                    values[o * inputs + i] = (float) (scale * codes[o][i] - scale * zeros[o][group[i]]);
                }
            }
            return values;
        }
    }

    /** @param offset 1 for the first version of the format, 0 for the second */
    public QuantizedFiles gptq(String name, Linear linear, int bits, int offset, boolean withGroups) {
        int n = 32 / bits;
        int outputs = linear.codes().length;
        int inputs = linear.group().length;
        int groups = linear.zeros()[0].length;
        int[] weight = new int[inputs / n * outputs];
        int[] zeros = new int[groups * outputs / n];
        float[] scales = new float[groups * outputs];
        for (int o = 0; o < outputs; o++) {
            for (int i = 0; i < inputs; i++) {
                weight[i / n * outputs + o] |= linear.codes()[o][i] << (i % n * bits);
            }
            for (int g = 0; g < groups; g++) {
                zeros[g * (outputs / n) + o / n] |= (linear.zeros()[o][g] - offset) << (o % n * bits);
                scales[g * outputs + o] = linear.scales()[o][g];
            }
        }
        ints(name + ".qweight", weight, inputs / n, outputs);
        ints(name + ".qzeros", zeros, groups, outputs / n);
        halves(name + ".scales", scales, groups, outputs);
        return withGroups ? ints(name + ".g_idx", linear.group(), inputs) : this;
    }

    public QuantizedFiles awq(String name, Linear linear) {
        int outputs = linear.codes().length;
        int inputs = linear.group().length;
        int groups = linear.zeros()[0].length;
        int[] weight = new int[inputs * outputs / 8];
        int[] zeros = new int[groups * outputs / 8];
        float[] scales = new float[groups * outputs];
        for (int column = 0; column < outputs / 8; column++) {
            for (int bits = 0; bits < 8; bits++) {
                int o = 8 * column + AWQ_ORDER[bits];
                for (int i = 0; i < inputs; i++) {
                    weight[i * outputs / 8 + column] |= linear.codes()[o][i] << (4 * bits);
                }
                for (int g = 0; g < groups; g++) {
                    zeros[g * outputs / 8 + column] |= linear.zeros()[o][g] << (4 * bits);
                    scales[g * outputs + o] = linear.scales()[o][g];
                }
            }
        }
        ints(name + ".qweight", weight, inputs, outputs / 8);
        ints(name + ".qzeros", zeros, groups, outputs / 8);
        return halves(name + ".scales", scales, groups, outputs);
    }

    /** compressed-tensors' pack-quantized form of a symmetric linear. */
    public QuantizedFiles packed(String name, Linear linear, int bits) {
        int n = 32 / bits;
        int inputs = linear.group().length;
        int columns = (inputs + n - 1) / n;
        int[] weight = new int[linear.codes().length * columns];
        for (int o = 0; o < linear.codes().length; o++) {
            for (int i = 0; i < inputs; i++) {
                weight[o * columns + i / n] |= linear.codes()[o][i] << (i % n * bits);
            }
        }
        ints(name + ".weight_packed", weight, linear.codes().length, columns);
        ByteBuffer shape = bytes(16);
        add(
                name + ".weight_shape",
                StoredType.I64,
                shape.putLong(linear.codes().length).putLong(inputs),
                2);
        return scale(name, linear);
    }

    /** compressed-tensors' int-quantized form of a symmetric linear. */
    public QuantizedFiles plain(String name, Linear linear, int bits) {
        int inputs = linear.group().length;
        ByteBuffer weight = bytes(linear.codes().length * inputs);
        for (int[] row : linear.codes()) {
            for (int code : row) {
                weight.put((byte) (code - (1 << (bits - 1))));
            }
        }
        add(name + ".weight", StoredType.I8, weight, linear.codes().length, inputs);
        return scale(name, linear);
    }

    private QuantizedFiles scale(String name, Linear linear) {
        int groups = linear.scales()[0].length;
        float[] scales = new float[linear.scales().length * groups];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = linear.scales()[i / groups][i % groups];
        }
        return halves(name + ".weight_scale", scales, linear.scales().length, groups);
    }

    public QuantizedFiles ints(String name, int[] values, long... shape) {
        ByteBuffer bytes = bytes(4 * values.length);
        bytes.asIntBuffer().put(values);
        return add(name, StoredType.I32, bytes, shape);
    }

    public QuantizedFiles halves(String name, float[] values, long... shape) {
        ByteBuffer bytes = bytes(2 * values.length);
        for (float value : values) {
            bytes.putShort(HalfPrecision.toFloat16(value));
        }
        return add(name, StoredType.F16, bytes, shape);
    }

    public QuantizedFiles floats(String name, float[] values, long... shape) {
        ByteBuffer bytes = bytes(4 * values.length);
        bytes.asFloatBuffer().put(values);
        return add(name, StoredType.F32, bytes, shape);
    }

    /** Replaces one of the same name. */
    private QuantizedFiles add(String name, StoredType dtype, ByteBuffer bytes, long... shape) {
        tensors.put(name, new Tensor(dtype, shape, bytes.array()));
        return this;
    }

    /** Writes {@code model.safetensors}. */
    public void write(Path directory) throws IOException {
        StringJoiner headers = new StringJoiner(",", "{", "}");
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        tensors.forEach((name, tensor) -> {
            headers.add("\"" + name + "\":" + tensor.header(data.size()));
            data.writeBytes(tensor.bytes());
        });
        byte[] header = headers.toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = bytes(8 + header.length + data.size());
        file.putLong(header.length).put(header).put(data.toByteArray());
        Files.write(directory.resolve("model.safetensors"), file.array());
    }

    private static ByteBuffer bytes(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
