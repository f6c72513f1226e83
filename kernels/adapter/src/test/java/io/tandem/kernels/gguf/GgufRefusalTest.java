package io.tandem.kernels.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.testing.GgufModel;
import io.tandem.kernels.testing.GgufWriter;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Damaged and hostile files are refused with what is wrong with them, and cost no more memory than they have bytes. */
class GgufRefusalTest {
    private static final int RANDOM_CHANGES = 100;

    @TempDir
    private Path directory;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private void assertRefused(byte[] bytes, String... parts) throws IOException {
        Path file = Files.write(directory.resolve("model.gguf"), bytes);
        assertThatThrownBy(() -> GgufFile.open(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContainingAll(parts);
    }

    private static GgufWriter small() {
        return new GgufWriter()
                .put("general.architecture", "llama")
                .put("names", List.of("a", "b"))
                .floats("token_embd.weight", new long[] {2, 3}, 1, 2, 3, 4, 5, 6);
    }

    @Test
    void whatIsNotGguf() throws IOException {
        assertRefused(new byte[0], "not a GGUF file");
        assertRefused(new byte[] {'G', 'G'}, "not a GGUF file");
        assertRefused("{\"a\": 1}".getBytes(StandardCharsets.UTF_8), "not a GGUF file");
    }

    @ParameterizedTest
    @CsvSource({
        "1, 'version 1 of GGUF, expected 2 or 3'",
        "4, version 4",
        "-1, version 4294967295",
        "50331648, big-endian"
    })
    void versions(int version, String message) throws IOException {
        assertRefused(small().version(version).bytes(), message);
    }

    @Test
    void version2() throws IOException {
        Path file = directory.resolve("model.gguf");
        small().version(2).write(file);
        assertThat(GgufFile.open(file).tensors()).containsOnlyKeys("token_embd.weight");
    }

    /** Wherever a file ends, the message says so. */
    @Test
    void cutAnywhere() throws IOException {
        byte[] whole = small().bytes();
        for (int length = 4; length < whole.length; length++) {
            assertRefused(Arrays.copyOf(whole, length), "model.gguf");
        }
        assertRefused(Arrays.copyOf(whole, 10), "the file ends at byte 10, within the number of tensors");
        assertRefused(Arrays.copyOf(whole, whole.length - 1), "token_embd.weight", "ends beyond the file");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 40, 1000})
    void countsThatCannotBe(long count) throws IOException {
        byte[] file = small().bytes();
        for (int at : new int[] {8, 16, 24}) {
            byte[] changed = file.clone();
            ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putLong(at, count);
            assertRefused(changed, Long.toUnsignedString(count), "the file has room for");
        }
    }

    @Test
    void aListLongerThanTheFile() throws IOException {
        byte[] list = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(9)
                .putInt(8)
                .putLong(1L << 60)
                .array();
        assertRefused(small().put("tokens", list).bytes(), "the number of elements of tokens is 1152921504606846976");
    }

    @Test
    void listsOfListsAndUnknownTypes() throws IOException {
        byte[] nested = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(9)
                .putInt(9)
                .putLong(1)
                .array();
        assertRefused(small().put("deep", nested).bytes(), "deep is a list of lists");
        assertRefused(small().put("odd", new byte[] {99, 0, 0, 0}).bytes(), "odd has the unknown type 99");
    }

    @ParameterizedTest
    @CsvSource({"0", "4", "12", "2097152"})
    void alignments(int alignment) throws IOException {
        assertRefused(small().put("general.alignment", alignment).bytes(), "general.alignment is " + alignment);
    }

    @Test
    void anotherAlignment() throws IOException {
        Path file = directory.resolve("model.gguf");
        new GgufWriter()
                .alignment(64)
                .floats("a", new long[] {1}, 1)
                .floats("b", new long[] {1}, 2)
                .write(file);
        GgufFile opened = GgufFile.open(file);
        GgufTensors tensors = new GgufTensors(
                opened, Map.of("b", GgufWeight.of(opened.tensors().get("b"))));
        assertThat(tensors.floats("b")).containsExactly(2);
    }

    @Test
    void tensorsThatCannotBe() throws IOException {
        long most = Long.MAX_VALUE;
        assertRefused(small().tensor("a", 0, new long[] {most, most}, 0).bytes(), "tensor a", "more than 2^63");
        assertRefused(small().tensor("a", 0, new long[] {8}, 1L << 40).bytes(), "tensor a", "ends beyond the file");
        assertRefused(small().tensor("a", 0, new long[] {8}, -32).bytes(), "expected a multiple of 32");
        assertRefused(small().tensor("a", 0, new long[] {2}, 4).bytes(), "begins at 4, expected a multiple of 32");
        assertRefused(small().tensor("a", 0, new long[] {0}, 0).bytes(), "a dimension of 0");
        assertRefused(small().tensor("a", 0, new long[] {-1}, 0).bytes(), "a dimension of 18446744073709551615");
        assertRefused(small().tensor("a", 0, new long[5], 0).bytes(), "5 dimensions, expected 1 to 4");
        assertRefused(
                small().tensor("a", 8, new long[] {33}, 0).bytes(), "rows of 33 numbers, expected a multiple of 32");
        assertRefused(small().tensor("token_embd.weight", 0, new long[] {1}, 0).bytes(), "occurs twice");
    }

    @ParameterizedTest
    @CsvSource({"10, Q2_K", "11, Q3_K", "20, IQ4_NL", "23, IQ4_XS", "39, MXFP4", "77, number 77"})
    void typesThatAreNotSupported(int number, String name) throws IOException {
        assertRefused(
                small().tensor("blk.0.ffn_up.weight", number, new long[] {32}, 0)
                        .bytes(),
                "blk.0.ffn_up.weight is of type " + name,
                "supported are F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q5_1, Q5_0, Q4_K, Q4_1, Q4_0");
    }

    /** Whatever is changed in a good file, it is read or refused. */
    @Test
    void changedAtRandom() throws IOException {
        Random random = seeded.random();
        TinyModel tiny = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1);
        GgufModel model = new GgufModel("llama", tiny.config()).weights(tiny, GgufModel.Plain.F32);
        byte[] whole = model.file().bytes();
        int header = model.file().header().size();
        Path file = directory.resolve("model.gguf");
        for (int i = 0; i < RANDOM_CHANGES; i++) {
            byte[] changed = whole.clone();
            for (int change = random.nextInt(3); change >= 0; change--) {
                changed[random.nextInt(header)] = (byte) (random.nextBoolean() ? -1 : random.nextInt(256));
            }
            Files.write(file, changed);
            try {
                GgufFiles files = GgufFiles.open(file);
                files.weights();
                for (String name : List.of("tokenizer.json", "tokenizer_config.json", "generation_config.json")) {
                    files.bytes(name, 1 << 20);
                }
            } catch (ModelFormatException e) {
                assertThat(e).hasMessageContaining("model.gguf");
            }
        }
    }
}
