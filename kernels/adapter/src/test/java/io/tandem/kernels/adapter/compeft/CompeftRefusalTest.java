package io.tandem.kernels.adapter.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompeftRefusalTest {
    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    @TempDir
    Path temporary;

    private Path file() {
        return temporary.resolve("x");
    }

    private AbstractThrowableAssert<?, ?> assertRefusal() {
        return assertThatThrownBy(() -> CompeftFormat.read(file(), model, 4))
                .isInstanceOf(AdapterFormatException.class)
                .hasMessageStartingWith("adapter 'x': ")
                .satisfies(e -> assertThat(e.getMessage().length()).isLessThan(1000));
    }

    /** {@code A} and {@code B} stand for the right tensors. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "00 | 0 tensors, expected two for each",
                "01 A | 1 tensors, expected two for each",
                "1E A B | a number of tensors of 30, expected at most 28",
                "FFFFFFFF0F A B | a number of tensors of 4294967295, expected at most 28",
                "FFFFFFFFFFFFFF A B | a number of tensors of more than 5 bytes",
                "8200 A B | a number of tensors in 2 bytes, expected the shortest form",
                "02 A B 00 | 1 more bytes, expected the end after 2 tensors",
                "02 A | model.layers.1.self_attn.k_proj.lora_B, byte 141: found the end",
                "04 A B | after model.layers.1.self_attn.k_proj, byte 152: found the end",
                "04 A B A B | model.layers.1.self_attn.k_proj after model.layers.1.self_attn.k_proj",
                "04 A B 00 01 01 20 00000040 00 00 | model.layers.0.self_attn.k_proj after model.layers.1",
                "02 02 01 01 20 00000040 00 00 B | a layer of 2, expected at most 1",
                "02 01 07 01 20 00000040 00 00 B | module 7, expected factor A of one of 7 modules",
                "02 01 00 01 20 00000040 00 00 B | q_proj, expected a module that target_modules of the header names",
                "02 B A | module 17, expected factor A",
                "02 A A | module and factor 1, expected factor B of the same module",
                "02 A 00 11 10 01 00000040 01 01 D0 | layer 0, expected layer 1",
                "02 01 01 00 20 00000040 00 00 B | a rank of 0, expected 1 to 4",
                "02 01 01 05 20 00000040 00 00 B | a rank of 5, expected at most 4",
                "02 01 01 FFFFFFFF07 20 00000040 00 00 B | a rank of 2147483647, expected at most 4",
                "02 01 01 01 21 00000040 00 00 B | columns 33, expected columns 32",
                "02 A 01 11 11 01 00000040 01 01 D0 | rows 17, expected rows 16",
                "02 A 01 11 10 02 00000040 01 01 D0 | columns 2, expected columns 1",
                "02 01 01 01 20 0000C07F 00 00 B | a scale of NaN, expected a finite number",
                "02 01 01 01 20 0000807F 00 00 B | a scale of Infinity, expected a finite number",
                "02 01 01 01 20 000000C0 00 00 B | a scale of -2.0, expected a finite number",
                "02 01 01 01 20 00000040 21 00 B | a count of 33, expected at most 32",
                "02 01 01 01 20 00000040 20 1E B | 32 entries of at least 32 bits, expected no more than the remaining",
                "02 01 01 01 20 00000040 02 1F 4A80 B | a Rice parameter of 31, expected at most 30",
                "02 01 01 01 20 00000040 01 02 FFFFFFFFFFFFFFFFFF B | a position of 35, expected less than 32",
                "02 01 01 01 20 00000040 02 05 7F00 B | a position of 48, expected less than 32",
                "02 01 01 01 20 00000040 01 1E 7FFFFFFF 00 B | a position of 1073741823, expected less than 32",
                "02 01 01 01 20 00000040 02 02 4A81 B | padding that is not zero",
                "02 A 01 11 10 01 00000040 01 01 FE | found the end after 0 bytes, expected 1 more bytes",
                "02 A 01 11 10 01 00000040 01 01 | 1 entries of at least 3 bits, expected no more than the remaining 0",
                "02 A 01 11 10 01 0000 | found the end after 2 bytes, expected 4 more bytes",
            })
    void tensorsThatDoNotFitAreRefusedThoughTheChecksumIsRight(String tensors, String expected) throws IOException {
        StringBuilder hex = new StringBuilder();
        for (String part : tensors.split(" ")) {
            hex.append(part.equals("A") ? CompeftFile.A : part.equals("B") ? CompeftFile.B : part);
        }
        new CompeftFile().tensors(hex.toString()).write(file());
        assertRefusal().hasMessageContaining(expected);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"r\":1 | \"r\":0 | r is 0, expected an integer of 1",
                "\"r\":1 | \"r\":null | r is null, expected an integer of 1",
                "\"r\":1 | \"r\":1,\"r\":1 | not valid JSON",
                "\"lora_alpha\":2.0 | \"lora_alpha\":1e300 | lora_alpha is 1.0E300, expected a number",
                "\"use_rslora\":false | \"use_rslora\":3 | use_rslora is 3, expected true or false",
                "[\"k_proj\"] | \"k_proj\" | target_modules is \"k_proj\", expected a list",
                "[\"k_proj\"] | [3] | target_modules is [3], expected names",
                "[\"k_proj\"] | [\"lm_head\"] | target_modules is [\"lm_head\"], expected names",
                "[\"k_proj\"] | [] | k_proj, expected a module that target_modules of the header names",
                "{}, | 3, | scaling is 3, expected an object",
                "{}, | null, | scaling is null, expected an object",
                "{}, | {\"model.layers.1.self_attn.k_proj\":\"x\"}, | k_proj is \"x\", expected a number",
                "{}, | {\"model.layers.0.self_attn.k_proj\":1}, | k_proj is 1, expected only modules that have factors",
                "\"m\" | 7 | base_model_name_or_path is 7, expected a string",
                "\"m\" | \"\\ud800 | not valid JSON",
                "{\"base | [{\"base | not valid JSON",
            })
    void headersThatDoNotFitAreRefusedByKey(String from, String to, String expected) throws IOException {
        assertThat(CompeftFile.HEADER).contains(from);
        new CompeftFile().header(CompeftFile.HEADER.replace(from, to)).write(file());
        assertRefusal().hasMessageContaining(expected);
    }

    @Test
    void headersOfWrongLengthsAreRefused() throws IOException {
        new CompeftFile().headerLength("FFFFFFFF").write(file());
        assertRefusal().hasMessageContaining("a header of 4294967295 bytes, expected at most 1048576");
        new CompeftFile().headerLength("01001000").write(file());
        assertRefusal().hasMessageContaining("a header of 1048577 bytes, expected at most 1048576");
        new CompeftFile().headerLength("00001000").write(file());
        assertRefusal().hasMessageContaining("the header, byte 14: found the end after");
        new CompeftFile().headerLength("00000000").write(file());
        assertRefusal().hasMessageContaining("not a JSON object");
        new CompeftFile().header("[".repeat(100_000)).write(file());
        assertRefusal().hasMessageContaining("not valid JSON");
        new CompeftFile()
                .header(CompeftFile.HEADER.replace("\"m\"", "\"" + "m".repeat(5000) + "\""))
                .write(file());
        assertRefusal().hasMessageContaining("at most 4096 characters");
    }

    @Test
    void otherFilesAndVersionsAreRefused() throws IOException {
        assertRefusal().hasMessageContaining("no such file");
        Files.write(file(), new byte[0]);
        assertRefusal().hasMessageContaining("the end after 0 bytes");
        new CompeftFile().magic("504B0304000000").write(file());
        assertRefusal().hasMessageContaining("something else, expected the letters COMPEFT");
        new CompeftFile().version("02").write(file());
        assertRefusal().hasMessageContaining("version 2, expected version 1");
        new CompeftFile().flags("0001").write(file());
        assertRefusal().hasMessageContaining("flags 256, expected 0");
    }

    @Test
    void aFileLargerThanTheFactorsIsRefused() throws IOException {
        Files.write(file(), new byte[4 << 20]);
        assertRefusal().hasMessageContaining("larger than the limit of");
    }

    @Test
    void everyTruncationIsRefused() throws IOException {
        byte[] intact = large();
        for (int length = 0; length < intact.length; length++) {
            Files.write(file(), Arrays.copyOf(intact, length));
            assertRefusal();
        }
    }

    @Test
    void everyTruncationIsRefusedThoughTheChecksumIsRight() throws IOException {
        byte[] intact = large();
        for (int length = 0; length < intact.length - 4; length++) {
            Files.write(file(), CompeftFile.sealed(Arrays.copyOf(intact, length)));
            assertRefusal();
        }
    }

    @Test
    void everyFlippedBitIsNoticed() throws IOException {
        byte[] intact = new CompeftFile().bytes();
        for (int bit = 0; bit < 8 * intact.length; bit++) {
            byte[] flipped = intact.clone();
            flipped[bit / 8] ^= (byte) (1 << bit % 8);
            Files.write(file(), flipped);
            assertRefusal();
        }
    }

    @Test
    void memoryIsTakenOnlyForWhatTheFileHolds() throws IOException {
        // A shape of 4 [32] claims 128 entries; nothing of it is there.
        new CompeftFile().tensors("02 01 01 04 20 00000040 8001 00").write(file());
        assertRefusal().hasMessageContaining("128 entries");
        ModelConfig huge =
                ModelConfig.llama(2, 1 << 20, 4, 2, 8, 44, 61).maxPositions(512).build();
        // [64, 2^20] and a count of 2^26
        new CompeftFile()
                .tensors("02 01 01 40 808040 00000040 80808020 00 4A80")
                .write(file());
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        assertThatThrownBy(() -> CompeftFormat.read(file(), huge, 64))
                .isInstanceOf(AdapterFormatException.class)
                .hasMessageContaining("67108864 entries of at least 2 bits");
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(2 << 20);
    }

    private byte[] large() throws IOException {
        CompeftFormat.write(
                file(), TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, 1), CompressionSettings.of(0.2));
        return Files.readAllBytes(file());
    }
}
