package io.tandem.kernels.weights;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class SafetensorsPropertyTest {
    private static final String DIGITS_AND_SIGNS = "0123456789-+.eE{}[]\",:\\FBI ";

    private static Path file = Path.of("unset");
    private static byte[] intact = {};

    @BeforeContainer
    static void writeAnIntactFile() throws IOException {
        file = Files.createTempFile("mutated", ".safetensors");
        SafetensorsWriter.write(
                file,
                Map.of(
                        "first", new Tensor(StoredType.F32, new long[] {2, 3}, new float[6]),
                        "second", new Tensor(StoredType.BF16, new long[] {4}, new float[4]),
                        "third", new Tensor(StoredType.F16, new long[] {1, 1, 2}, new float[2])));
        intact = Files.readAllBytes(file);
    }

    @AfterContainer
    static void deleteIt() throws IOException {
        Files.delete(file);
    }

    @Property(tries = 2000)
    void anyBytesAreReadOrRefused(
            @ForAll @Size(min = 1, max = 6) List<@IntRange(max = 100_000) Integer> places,
            @ForAll @Size(6) List<Byte> values)
            throws IOException {
        byte[] mutated = intact.clone();
        for (int i = 0; i < places.size(); i++) {
            mutated[places.get(i) % mutated.length] = values.get(i);
        }
        readOrRefuse(mutated);
    }

    @Property(tries = 2000)
    void anyHeaderTextIsReadOrRefused(
            @ForAll @Size(min = 1, max = 4) List<@IntRange(max = 100_000) Integer> places,
            @ForAll @Size(4) List<@IntRange(max = 1000) Integer> letters)
            throws IOException {
        byte[] mutated = intact.clone();
        int header =
                (int) ByteBuffer.wrap(intact).order(ByteOrder.LITTLE_ENDIAN).getLong();
        for (int i = 0; i < places.size(); i++) {
            mutated[8 + places.get(i) % header] =
                    (byte) DIGITS_AND_SIGNS.charAt(letters.get(i) % DIGITS_AND_SIGNS.length());
        }
        readOrRefuse(mutated);
    }

    /** Whatever is accepted must be readable to the last byte and stay within the file. */
    private static void readOrRefuse(byte[] bytes) throws IOException {
        Files.write(file, bytes);
        SafetensorsFile opened;
        try {
            opened = SafetensorsFile.open(file);
        } catch (ModelFormatException e) {
            assertThat(e).hasMessageContaining(file.toString());
            assertThat(e.getMessage().length()).isLessThan(2000);
            return;
        }
        long total = 0;
        for (String name : opened.names()) {
            TensorEntry entry = opened.entry(name);
            total += entry.bytes();
            assertThat((long) opened.bytes(name).remaining()).isEqualTo(entry.bytes());
            if (entry.dtype().isFloating()) {
                assertThat((long) opened.floats(name).length).isEqualTo(entry.elements());
            }
        }
        assertThat(total).isLessThan(bytes.length);
    }
}
