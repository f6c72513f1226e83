package io.tandem.kernels.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFileTest {
    @TempDir
    Path directory;

    private Path file;

    @BeforeEach
    void nameTheFile() {
        file = directory.resolve("x.safetensors");
    }

    @Test
    void allFloatingTypesAreConverted() throws IOException {
        ByteBuffer data = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        data.putDouble(1.5)
                .putDouble(-2)
                .putFloat(0.25f)
                .putShort((short) 0x3C00)
                .putShort((short) 0xC000);
        data.putShort((short) 0x3F80).putShort((short) 0x4000).putInt(7);
        write(
                "{\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"
                        + "\"f\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[16,20]},"
                        + "\"h\":{\"dtype\":\"F16\",\"shape\":[2,1],\"data_offsets\":[20,24]},"
                        + "\"b\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[24,28]},"
                        + "\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[28,32]},"
                        + "\"e\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[32,32]}}",
                data.array());
        SafetensorsFile opened = SafetensorsFile.open(file);
        assertThat(opened.names()).containsExactly("d", "f", "h", "b", "i", "e");
        assertThat(opened.floats("d")).containsExactly(1.5f, -2f);
        assertThat(opened.floats("f")).containsExactly(0.25f);
        assertThat(opened.floats("h")).containsExactly(1f, -2f);
        assertThat(opened.floats("b")).containsExactly(1f, 2f);
        assertThat(opened.floats("e")).isEmpty();
        assertThat(opened.entry("h").shape()).containsExactly(2, 1);
        assertThat(opened.bytes("i").getInt(0)).isEqualTo(7);
        assertThatThrownBy(() -> opened.bytes("i").putInt(0, 1)).isInstanceOf(ReadOnlyBufferException.class);
        assertThatThrownBy(() -> opened.floats("i"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("tensor i I32[1], expected F64, F32, F16 or BF16");
        assertThatThrownBy(() -> opened.floats("nope")).hasMessageContaining("no tensor nope");
    }

    @Test
    void whatIsWrittenIsTheStandardLayout() throws IOException {
        SafetensorsWriter.write(
                file,
                Map.of(
                        "b", new Tensor(StoredType.F32, new long[] {1, 2}, new float[] {1, 2}),
                        "a\"", new Tensor(StoredType.BF16, new long[] {1}, new float[] {1}),
                        "c", new Tensor(StoredType.F16, new long[] {2}, new float[] {1, -2})));
        byte[] bytes = Files.readAllBytes(file);
        int header = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String json = new String(bytes, 8, header, StandardCharsets.UTF_8);
        assertThat(header % 8).isZero();
        assertThat(json.strip())
                .isEqualTo("{\"__metadata__\":{\"format\":\"pt\"},"
                        + "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                        + "\"a\\\"\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[8,10]},"
                        + "\"c\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[10,14]}}");
        assertThat(bytes).hasSize(8 + header + 14);
        assertThat(SafetensorsFile.open(file).floats("a\"")).containsExactly(1f);
    }

    @Test
    void aLargerTensorThanTheWritersChunkIsWhole() throws IOException {
        float[] values = new float[100_003];
        for (int i = 0; i < values.length; i++) {
            values[i] = i;
        }
        SafetensorsWriter.write(file, Map.of("x", new Tensor(StoredType.F32, new long[] {100_003}, values)));
        assertThat(SafetensorsFile.open(file).floats("x")).isEqualTo(values);
    }

    @Test
    void filesBeyondTwoGibibytesAreMappedInParts() throws IOException {
        long half = 1_500_000_000;
        String json = "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + half + "],\"data_offsets\":[0," + half + "]},"
                + "\"b\":{\"dtype\":\"U8\",\"shape\":[" + half + "],\"data_offsets\":[" + half + "," + 2 * half + "]},"
                + "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" + 2 * half + "," + (2 * half + 4) + "]}}";
        write(json, new byte[0]);
        // Sparse: it takes no room on the disk.
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(8 + json.length() + 2 * half + 4);
            sparse.seek(8 + json.length() + 2 * half);
            sparse.write(new byte[] {0, 0, (byte) 0x80, 0x3F});
        }
        SafetensorsFile opened = SafetensorsFile.open(file);
        assertThat(opened.floats("c")).containsExactly(1f);
        assertThat(opened.bytes("b").remaining()).isEqualTo(1_500_000_000);
        assertThat(opened.bytes("b").get(1_499_999_999)).isZero();
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 9, 1L << 40})
    void aHeaderLongerThanTheFileIsRefused(long length) throws IOException {
        Files.write(
                file,
                ByteBuffer.allocate(16)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(length)
                        .array());
        assertThatThrownBy(() -> SafetensorsFile.open(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("x.safetensors: truncated");
    }

    @Test
    void aHeaderBeyondTheLimitIsRefusedUnread() throws IOException {
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(200_000_000);
            byte[] length = ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(100_000_001)
                    .array();
            sparse.write(length);
        }
        assertThatThrownBy(() -> SafetensorsFile.open(file)).hasMessageContaining("expected at most 100000000");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "[] | not a JSON object",
                "`` | not a JSON object",
                "{ | not valid JSON at line 1, column",
                "{\"x\":3} | not an object",
                "{}{} | follows",
                "{\"x\":{}} | needs dtype, shape",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"x\":{\"dtype\":\"F32\",\"shape\":[2],"
                        + "\"data_offsets\":[0,8]}} | tensor x occurs twice",
                "{\"x\":{\"dtype\":\"Q4\",\"shape\":[2],\"data_offsets\":[0,8]}} | unknown dtype Q4",
                "{\"x\":{\"dtype\":3,\"shape\":[2],\"data_offsets\":[0,8]}} | unknown dtype 3",
                "{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | dtype twice",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"y\":1}} | unknown key y",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}} | list of up to 8 counts",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}} | list of up to 8 counts",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}} | counts",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}} | counts",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}} | not a list",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[[2]],\"data_offsets\":[0,8]}} | counts",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}} | two data_offsets",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}} | expected a range within",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}} | list of up to 2 counts",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}} | expected a range within the 8",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}} | takes 8 bytes, expected 12",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}} | overflows",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} | the tensors end at byte",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}} | leaves a gap",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"y\":{\"dtype\":\"F32\",\"shape\":[1],"
                        + "\"data_offsets\":[4,8]}} | tensor y overlaps",
                "{\"__metadata__\":{\"a\":1},\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | strings",
                "{\"__metadata__\":[],\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | not one object",
            })
    void aHeaderThatLiesIsRefused(String json, String expected) throws IOException {
        write(json == null ? "" : json, new byte[8]);
        assertThatThrownBy(() -> SafetensorsFile.open(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("x.safetensors: ")
                .hasMessageContaining(expected);
    }

    @Test
    void everyTruncationIsNoticed() throws IOException {
        SafetensorsWriter.write(file, Map.of("x", new Tensor(StoredType.F32, new long[] {3}, new float[] {1, 2, 3})));
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length++) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> SafetensorsFile.open(file)).isInstanceOf(ModelFormatException.class);
        }
        Files.write(file, Arrays.copyOf(whole, whole.length + 1));
        assertThatThrownBy(() -> SafetensorsFile.open(file)).hasMessageContaining("the tensors end at byte");
    }

    @Test
    void aMissingFileOrADirectoryIsRefused() {
        assertThatThrownBy(() -> SafetensorsFile.open(file)).hasMessageContaining("no such file");
        assertThatThrownBy(() -> SafetensorsFile.open(directory)).isInstanceOf(ModelFormatException.class);
    }

    private void write(String json, byte[] data) throws IOException {
        byte[] header = json.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + header.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        Files.write(file, bytes.putLong(header.length).put(header).put(data).array());
    }

    /** The file takes no disk: only its last bytes are written. */
    @Test
    void aTensorMayBeLargerThanABuffer() throws IOException {
        long numbers = (1L << 29) + 1;
        byte[] header = "{\"large\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
                .formatted(numbers, 4 * numbers)
                .getBytes(StandardCharsets.UTF_8);
        Path file = directory.resolve("large.safetensors");
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            ByteBuffer bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            channel.write(bytes.putLong(0, header.length), 0);
            channel.write(ByteBuffer.wrap(header), 8);
            channel.write(bytes.putFloat(4, 1.5f).position(4), 8 + header.length + 4 * (numbers - 1));
        }
        SafetensorsFile opened = SafetensorsFile.open(file);
        List<Integer> lengths = new ArrayList<>();
        ByteBuffer piece = ByteBuffer.allocateDirect(1 << 29).order(ByteOrder.LITTLE_ENDIAN);
        opened.read("large", piece, part -> lengths.add(part.remaining()));
        assertThat(lengths).containsExactly(1 << 29, 1 << 29, 1 << 29, 1 << 29, 4);
        assertThat(piece.getFloat(0)).isEqualTo(1.5f);
        assertThatThrownBy(() -> opened.floats("large")).hasMessageContaining("expected less than 2 GiB");
    }
}
