package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class PeftPropertyTest {
    private static final String LETTERS = "0123456789-+.eE{}[]\",:()*?|$^\\abtrufalsen_ ";
    private static final ModelConfig MODEL =
            TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    private static Path directory = Path.of("unset");
    private static byte[] intact = {};

    @BeforeContainer
    static void writeAnAdapter() throws IOException {
        directory = Files.createTempDirectory("mutated");
        PeftFormat.write(directory, TinyAdapters.mixedRanks(MODEL, LoraConfig.allLinears(), 3, 1), MODEL);
        intact = Files.readAllBytes(directory.resolve("adapter_config.json"));
    }

    @AfterContainer
    static void deleteIt() throws IOException {
        Files.delete(directory.resolve("adapter_config.json"));
        Files.delete(directory.resolve("adapter_model.safetensors"));
        Files.delete(directory);
    }

    @Property(tries = 1000)
    void anyConfigurationIsReadOrRefused(
            @ForAll @Size(min = 1, max = 4) List<@IntRange(max = 1_000_000) Integer> places,
            @ForAll @Size(4) List<@IntRange(max = 1000) Integer> letters)
            throws IOException {
        byte[] mutated = intact.clone();
        for (int i = 0; i < places.size(); i++) {
            mutated[places.get(i) % mutated.length] = (byte) LETTERS.charAt(letters.get(i) % LETTERS.length());
        }
        Files.write(directory.resolve("adapter_config.json"), mutated);
        try {
            assertThat(PeftFormat.read(directory, MODEL, 8).modules()).isNotEmpty();
        } catch (AdapterFormatException e) {
            assertThat(e).hasMessageStartingWith("adapter 'mutated");
        }
    }
}
