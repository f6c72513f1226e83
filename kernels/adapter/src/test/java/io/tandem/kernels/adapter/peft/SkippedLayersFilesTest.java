package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers that an adapter skips, beside whatever else its files say. */
class SkippedLayersFilesTest {
    private static final Site FIRST = new Site(0, TargetModule.Q_PROJ);
    private static final Site LAST = new Site(2, TargetModule.Q_PROJ);
    private static final String FIELDS =
            "\"r\":4,\"lora_alpha\":8,\"target_modules\":[\"q_proj\"],\"peft_type\":\"LORA\"";

    /** Of three layers. */
    private final ModelConfig model = TinyModel.of(TinyModel.Variant.QWEN2, 1).config();

    @TempDir
    Path directory;

    private Path byHand(String more) throws IOException {
        return new PeftDirectory(directory, model)
                .factors(FIRST, 4)
                .factors(LAST, 4)
                .write(FIELDS + more);
    }

    @Test
    void theLayersAreReadAndWhatIsChangedInThemIsNot() throws IOException {
        Adapter adapter = PeftFormat.read(byHand(",\"skipped_layers\":[1,0]"), model, 8);
        assertThat(adapter.skipped()).containsExactly(0, 1);
        assertThat(adapter.modules()).containsOnlyKeys(LAST);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",\"skipped_layers\":null", ",\"skipped_layers\":[]"})
    void mostAdaptersSkipNone(String more) throws IOException {
        Adapter adapter = PeftFormat.read(byHand(more), model, 8);
        assertThat(adapter.skipped()).isEmpty();
        assertThat(adapter.modules()).containsOnlyKeys(FIRST, LAST);
    }

    @Test
    void everyFormIsWrittenWithThem() throws IOException {
        Bottleneck.Kind kind = new Bottleneck.Kind(Bottleneck.Input.OUTPUT, Bottleneck.Function.RELU, 1);
        for (Adapter whole : List.of(
                TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, 1),
                TinyAdapters.dora(model, 4, 1),
                TinyAdapters.full(TinyAdapters.dora(model, 4, 1), model, EnumSet.allOf(FullModule.class), 1),
                TinyAdapters.biased(model, 4, 1),
                TinyAdapters.scales(model, 1),
                TinyAdapters.prompt(model, 3, 1),
                TinyAdapters.prefix(model, 3, 1),
                TinyAdapters.bottlenecks(model, kind, 4, 1))) {
            Path saved = directory.resolve("saved");
            Adapter adapter = whole.skipping(Set.of(1));
            PeftFormat.write(saved, adapter, model);
            assertThat(PeftFormat.read(saved, model, 8))
                    .usingRecursiveComparison()
                    .ignoringFields("config.targets")
                    .isEqualTo(adapter);
            JsonNode json = new ObjectMapper()
                    .readTree(saved.resolve("adapter_config.json").toFile());
            assertThat(json.path("skipped_layers")).hasSize(1);
            PeftFormat.write(saved, whole, model);
            assertThat(new ObjectMapper()
                            .readTree(saved.resolve("adapter_config.json").toFile())
                            .has("skipped_layers"))
                    .isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"[3]", "[-1]", "[0,0]", "[0,1,2]", "[1.5]", "[\"0\"]", "1", "\"all\"", "{}", "[4294967296]"})
    void whatIsNoSetOfLayersIsRefused(String layers) throws IOException {
        Refusals.ofReading(byHand(",\"skipped_layers\":" + layers), model, "expected different layers from 0 to 2");
    }

    @Test
    void whatLeavesNothingIsRefused() throws IOException {
        Refusals.ofReading(
                byHand(",\"skipped_layers\":[0,2]"), model, "expected to leave a layer that the adapter changes");
        Refusals.ofReading(byHand(",\"skipped_layers\":[1],\"alora_invocation_tokens\":[1]"), model, "skips no layers");
    }

    @Test
    void whatWorksOnFactorsAloneRefusesIt() throws IOException {
        Adapter adapter = PeftFormat.read(byHand(",\"skipped_layers\":[1]"), model, 8);
        Refusals.ofMergingAndCompressing(adapter, directory, "the adapter skips layers [1]");
    }
}
