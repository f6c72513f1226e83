package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Activated LoRA in PEFT's layout. */
class ActivatedFilesTest {
    private static final String FIELDS =
            "\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_rslora\":true,\"target_modules\":[\"v_proj\"],";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    @TempDir
    Path directory;

    private Path write(String tokens) throws IOException {
        return new PeftDirectory(directory, model)
                .factors(new Site(0, TargetModule.V_PROJ), 2)
                .write(FIELDS + "\"alora_invocation_tokens\":" + tokens);
    }

    private Adapter activated() {
        Adapter whole = TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, 5);
        return new Adapter(new ActivatedConfig(whole.lora(), new Invocation(List.of(9, 0, 9))), whole.modules());
    }

    @Test
    void aDirectoryAsPeftSavesIt() throws IOException {
        Adapter adapter = PeftFormat.read(write("[49152,3]"), model, 8);
        assertThat(adapter.invocation()).contains(new Invocation(List.of(49152, 3)));
        assertThat(adapter.config().rank()).isEqualTo(2);
        assertThat(PeftFormat.read(write("null"), model, 8).config()).isInstanceOf(LoraConfig.class);
    }

    @Test
    void whatIsNoListOfTokensIsRefused() throws IOException {
        String many = Stream.generate(() -> "1").limit(1025).collect(Collectors.joining(",", "[", "]"));
        for (String tokens : List.of("[]", "[-1]", "[1.5]", "[\"a\"]", "\"abc\"", "true", "[3000000000]", many)) {
            Refusals.ofReading(write(tokens), model, "expected a list of 1 to 1024 token ids");
        }
        Path dora = new PeftDirectory(directory, model)
                .factors(new Site(0, TargetModule.V_PROJ), 2)
                .write(FIELDS + "\"use_dora\":true,\"alora_invocation_tokens\":[1]");
        Refusals.ofReading(dora, model, "only LoRA without use_dora has it");
        Path scales = new PeftDirectory(directory, model)
                .write("\"peft_type\":\"IA3\",\"target_modules\":[\"v_proj\"],\"alora_invocation_tokens\":[1]");
        Refusals.ofReading(scales, model, "only LoRA without use_dora has it");
    }

    @Test
    void anAdapterReadsBackAsItWasWritten() throws IOException {
        PeftFormat.write(directory, activated(), model);
        assertThat(PeftFormat.read(directory, model, 8))
                .usingRecursiveComparison()
                .isEqualTo(activated());
        JsonNode json = new ObjectMapper()
                .readTree(directory.resolve("adapter_config.json").toFile());
        assertThat(json.path("alora_invocation_tokens").toString()).isEqualTo("[9,0,9]");
        Adapter whole = TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, 5);
        PeftFormat.write(directory, whole, model);
        assertThat(new ObjectMapper()
                        .readTree(directory.resolve("adapter_config.json").toFile())
                        .has("alora_invocation_tokens"))
                .isFalse();
    }

    @Test
    void otherFormsAreNotWritten() {
        Adapter dora = TinyAdapters.dora(model, 4, 7);
        Adapter other = new Adapter(new ActivatedConfig(dora.lora(), new Invocation(List.of(1))), dora.modules());
        assertThatThrownBy(() -> PeftFormat.write(directory, other, model))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the configuration of another method");
    }

    @Test
    void mergingAndCompressionRefuseItByName() {
        Refusals.ofMergingAndCompressing(activated(), directory, "acts from its invocation tokens on");
    }
}
