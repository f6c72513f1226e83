package io.tandem.kernels.pretrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** The weights as one bf16 safetensors file. */
final class SafetensorsFile {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int ALIGNMENT = 8;

    private SafetensorsFile() {}

    static void write(Path file, List<WeightMap.Entry> entries, float[] weights) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        header.putObject("__metadata__").put("format", "pt");
        int end = 0;
        for (WeightMap.Entry entry : entries) {
            ObjectNode tensor = header.putObject(entry.name()).put("dtype", "BF16");
            ArrayNode shape = tensor.putArray("shape");
            if (entry.rows() > 0) {
                shape.add(entry.rows());
            }
            shape.add(entry.columns());
            int begin = end;
            end = begin + Short.BYTES * entry.count();
            tensor.putArray("data_offsets").add(begin).add(end);
        }
        String text = JSON.writeValueAsString(header);
        byte[] head = (text + " ".repeat(Math.floorMod(-text.length(), ALIGNMENT))).getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + head.length + end).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(head.length).put(head);
        for (WeightMap.Entry entry : entries) {
            for (int i = 0; i < entry.count(); i++) {
                bytes.putShort(bfloat16(weights[entry.offset() + i]));
            }
        }
        Path partial = file.resolveSibling(file.getFileName() + ".partial");
        Files.write(partial, bytes.array());
        Files.move(partial, file, StandardCopyOption.REPLACE_EXISTING);
    }

    static float[] read(Path file, Shape shape) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        byte[] head = new byte[(int) bytes.getLong()];
        bytes.get(head);
        int data = bytes.position();
        JsonNode header = JSON.readTree(head);
        float[] weights = new float[shape.parameters()];
        for (WeightMap.Entry entry : WeightMap.of(shape)) {
            JsonNode offsets = header.path(entry.name()).path("data_offsets");
            if (offsets.path(1).asInt() - offsets.path(0).asInt() != Short.BYTES * entry.count()) {
                throw new IOException(file + ": tensor " + entry.name() + " has offsets " + offsets + ", expected "
                        + entry.count() + " numbers of two bytes");
            }
            for (int i = 0; i < entry.count(); i++) {
                int bits = bytes.getShort(data + offsets.path(0).asInt() + Short.BYTES * i) << Short.SIZE;
                weights[entry.offset() + i] = Float.intBitsToFloat(bits);
            }
        }
        return weights;
    }

    /** Rounds to the nearest, ties to even. */
    static short bfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
    }
}
