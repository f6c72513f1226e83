package io.tandem.kernels.adapter.compeft;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class CompeftPropertyTest {
    private static final ModelConfig MODEL =
            TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    private static Path file = Path.of("unset");
    private static byte[] intact = {};

    @BeforeContainer
    static void writeAnAdapter() throws IOException {
        file = Files.createTempFile("mutated", ".compeft");
        CompeftFormat.write(
                file, TinyAdapters.mixedRanks(MODEL, LoraConfig.allLinears(), 3, 1), CompressionSettings.of(0.1));
        byte[] bytes = Files.readAllBytes(file);
        intact = Arrays.copyOf(bytes, bytes.length - Integer.BYTES);
    }

    @AfterContainer
    static void deleteIt() throws IOException {
        Files.delete(file);
    }

    @Property(tries = 2000)
    void anyContentWithTheRightChecksumIsReadOrRefused(
            @ForAll @Size(min = 1, max = 4) List<@IntRange(max = 1_000_000) Integer> places,
            @ForAll @Size(4) List<Byte> values)
            throws IOException {
        byte[] mutated = intact.clone();
        for (int i = 0; i < places.size(); i++) {
            mutated[places.get(i) % mutated.length] = values.get(i);
        }
        readOrRefuse(CompeftFile.sealed(mutated));
    }

    @Property(tries = 1000)
    void anyBytesAfterTheMagicAreReadOrRefused(@ForAll @Size(max = 200) byte[] random, @ForAll boolean headed)
            throws IOException {
        int begin = headed ? new CompeftFile().tensors("").bytes().length - Integer.BYTES : 8;
        byte[] whole = headed ? new CompeftFile().tensors("").bytes() : intact;
        byte[] bytes = Arrays.copyOf(whole, begin + random.length);
        System.arraycopy(random, 0, bytes, begin, random.length);
        readOrRefuse(CompeftFile.sealed(bytes));
    }

    @Property(tries = 300)
    void anyBytesAreRefused(@ForAll @Size(max = 500) byte[] random) throws IOException {
        Files.write(file, random);
        assertThat(refused()).isTrue();
    }

    private static void readOrRefuse(byte[] bytes) throws IOException {
        Files.write(file, bytes);
        refused();
    }

    private static boolean refused() {
        try {
            assertThat(CompeftFormat.read(file, MODEL, 4).modules()).isNotEmpty();
            return false;
        } catch (AdapterFormatException e) {
            assertThat(e).hasMessageStartingWith("adapter 'mutated");
            assertThat(e.getMessage().length()).isLessThan(2000);
            return true;
        }
    }
}
