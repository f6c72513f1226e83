package io.tandem.kernels.adapter.compeft;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/** A file put together by hand, not by the writer under test. Its checksum is always right. */
final class CompeftFile {
    static final String HEADER = "{\"base_model_name_or_path\":\"m\",\"lora_alpha\":2.0,\"r\":1,\"scaling\":{},"
            + "\"target_modules\":[\"k_proj\"],\"use_rslora\":false}";

    /** Layer 1's k_proj, [1, 32], scale 2, entries at 2 and, negative, at 9 with the Rice parameter 2. */
    static final String A = "01 01 01 20 00000040 02 02 4A80";

    /** The same module's [16, 1], scale 2, an entry at 5 with the Rice parameter 1. */
    static final String B = "01 11 10 01 00000040 01 01 D0";

    private String magic = "434F4D50454654";
    private String version = "01";
    private String flags = "0000";
    private String header = HEADER;
    private String headerLength = "";
    private String tensors = "02" + A + B;

    CompeftFile magic(String hex) {
        magic = hex;
        return this;
    }

    CompeftFile version(String hex) {
        version = hex;
        return this;
    }

    CompeftFile flags(String hex) {
        flags = hex;
        return this;
    }

    CompeftFile header(String json) {
        header = json;
        return this;
    }

    CompeftFile headerLength(String hex) {
        headerLength = hex;
        return this;
    }

    /** The number of tensors and the tensors. */
    CompeftFile tensors(String hex) {
        tensors = hex;
        return this;
    }

    byte[] bytes() {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(hex(magic + version + flags));
        out.writeBytes(headerLength.isEmpty() ? little(json.length) : hex(headerLength));
        out.writeBytes(json);
        out.writeBytes(hex(tensors));
        return sealed(out.toByteArray());
    }

    Path write(Path file) throws IOException {
        return Files.write(file, bytes());
    }

    /** The bytes with their checksum after them. */
    static byte[] sealed(byte[] bytes) {
        int checksum = -1;
        for (byte value : bytes) {
            checksum ^= Byte.toUnsignedInt(value);
            for (int bit = 0; bit < 8; bit++) {
                checksum = (checksum >>> 1) ^ ((checksum & 1) == 1 ? 0x82F63B78 : 0);
            }
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(bytes);
        out.writeBytes(little(~checksum));
        return out.toByteArray();
    }

    private static byte[] little(int value) {
        return new byte[] {(byte) value, (byte) (value >> 8), (byte) (value >> 16), (byte) (value >> 24)};
    }

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replace(" ", ""));
    }
}
