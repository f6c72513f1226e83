package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** PEFT's modules_to_save, as PEFT 0.17 to 0.21 write them. */
class FullFilesTest {
    private static final Site Q0 = new Site(0, TargetModule.Q_PROJ);
    private static final String HEAD = "base_model.model.lm_head.weight";
    private static final String EMBEDDING = "base_model.model.model.embed_tokens.weight";
    private static final String FIELDS =
            "\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"q_proj\"],";

    private final ModelConfig untied = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final ModelConfig tied = TinyModel.of(TinyModel.Variant.QWEN2, 1).config();

    @TempDir
    Path temporary;

    private PeftDirectory byHand(ModelConfig model) {
        return new PeftDirectory(temporary.resolve("x"), model).factors(Q0, 2);
    }

    private static float[] matrix(ModelConfig model, float first) {
        float[] values = new float[model.vocab() * model.hidden()];
        for (int i = 0; i < values.length; i++) {
            values[i] = first + i;
        }
        return values;
    }

    private static PeftDirectory with(PeftDirectory directory, ModelConfig model, String name, float first) {
        return directory.tensor(name, new long[] {model.vocab(), model.hidden()}, matrix(model, first));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[\"lm_head\",\"embed_tokens\"]", "[\"model.embed_tokens\",\"lm_head\"]"})
    void aDirectoryAsPeftSavesIt(String saved) throws IOException {
        for (ModelConfig model : new ModelConfig[] {untied, tied}) {
            PeftDirectory directory = with(with(byHand(model), model, HEAD, 1), model, EMBEDDING, 2);
            Adapter adapter = PeftFormat.read(directory.write(FIELDS + "\"modules_to_save\":" + saved), model, 8);
            assertThat(adapter.modules()).containsOnlyKeys(Q0);
            assertThat(adapter.full()).containsOnlyKeys(FullModule.EMBED_TOKENS, FullModule.LM_HEAD);
            assertThat(adapter.full().get(FullModule.LM_HEAD).values()).containsExactly(matrix(model, 1));
            assertThat(adapter.full().get(FullModule.EMBED_TOKENS).values()).containsExactly(matrix(model, 2));
        }
    }

    @ParameterizedTest
    @EnumSource(FullModule.class)
    void oneOfThemAlone(FullModule module) throws IOException {
        PeftDirectory directory = with(byHand(tied), tied, "base_model.model." + module.weight(), 3);
        Path path = directory.write(FIELDS + "\"modules_to_save\":[\"" + module.label() + "\"]");
        assertThat(PeftFormat.read(path, tied, 8).full()).containsOnlyKeys(module);
    }

    /** From PEFT 0.18 on; without it the copies are trained apart, also where the model's are one. */
    @Test
    void aHeadThatFollowsTheEmbedding() throws IOException {
        String tying = FIELDS + "\"ensure_weight_tying\":true,\"modules_to_save\":[\"embed_tokens\"]";
        Path path = with(byHand(tied), tied, EMBEDDING, 2).write(tying);
        Adapter adapter = PeftFormat.read(path, tied, 8);
        assertThat(adapter.full().get(FullModule.LM_HEAD).values()).containsExactly(matrix(tied, 2));
        path = with(with(byHand(tied), tied, EMBEDDING, 2), tied, HEAD, 2).write(tying);
        assertThat(PeftFormat.read(path, tied, 8).full())
                .usingRecursiveComparison()
                .isEqualTo(adapter.full());
        path = with(byHand(untied), untied, EMBEDDING, 2).write(tying);
        assertThat(PeftFormat.read(path, untied, 8).full()).containsOnlyKeys(FullModule.EMBED_TOKENS);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "[\"score\"] | modules_to_save is [\"score\"], expected null, or a list of embed_tokens and lm_head",
                "[\"lm_head\",\"norm\"] | no other modules can be had in full",
                "\"lm_head\" | modules_to_save is \"lm_head\"",
                "[3] | modules_to_save is [3]",
                "{\"lm_head\":1} | modules_to_save is",
                "[\"lm_head\",\"embed_tokens\"] | model.embed_tokens.weight is missing, expected [",
                "null | base_model.model.lm_head.weight is not a LoRA factor of a decoder layer's linear, and modules_to_save does"
                        + " not name lm_head: PEFT adds it to adapters that need none with save_embedding_layers=True",
                "[\"lm_head\"],\"alora_invocation_tokens\":[1] | the adapter acts from its invocation on",
            })
    void whatDoesNotFitIsRefused(String saved, String why) throws IOException {
        refused(with(byHand(untied), untied, HEAD, 1).write(FIELDS + "\"modules_to_save\":" + saved), why);
    }

    @Test
    void otherShapesAndNumbersAreRefused() throws IOException {
        String saved = FIELDS + "\"modules_to_save\":[\"lm_head\"]";
        int vocab = untied.vocab();
        int hidden = untied.hidden();
        refused(
                byHand(untied)
                        .tensor(HEAD, new long[] {vocab + 2, hidden}, new float[(vocab + 2) * hidden])
                        .write(saved),
                "lm_head.weight is [" + (vocab + 2) + ", " + hidden + "], expected [" + vocab + ", " + hidden
                        + "]; tokens that were added to the vocabulary are not supported");
        refused(
                byHand(untied)
                        .tensor(HEAD, new long[] {vocab, hidden - 1}, new float[vocab * (hidden - 1)])
                        .write(saved),
                "expected [" + vocab + ", " + hidden + "]");
        assertThatThrownBy(() -> PeftFormat.read(
                        byHand(untied)
                                .tensor(HEAD, new long[] {1, hidden}, new float[hidden])
                                .write(saved),
                        untied,
                        8))
                .hasMessageContaining("lm_head.weight is [1, " + hidden + "]")
                .hasMessageNotContaining("tokens that were added");
        float[] infinite = matrix(untied, 0);
        infinite[5] = Float.POSITIVE_INFINITY;
        refused(
                byHand(untied)
                        .tensor(HEAD, new long[] {vocab, hidden}, infinite)
                        .write(saved),
                "lm_head.weight has the value Infinity at 5, expected finite values");
    }

    private void refused(Path path, String why) {
        assertThatThrownBy(() -> PeftFormat.read(path, untied, 8))
                .isInstanceOf(AdapterFormatException.class)
                .hasMessageContaining(why);
    }

    @Test
    void whatIsWrittenReadsBack() throws IOException {
        for (Adapter adapter : new Adapter[] {
            TinyAdapters.random(untied, LoraConfig.allLinears(), 3, 1),
            TinyAdapters.dora(untied, 3, 2),
            TinyAdapters.scales(untied, 3)
        }) {
            Adapter full = TinyAdapters.full(adapter, untied, EnumSet.allOf(FullModule.class), 4);
            Path path = temporary.resolve("written");
            PeftFormat.write(path, full, untied);
            assertThat(PeftFormat.read(path, untied, 8))
                    .usingRecursiveComparison()
                    .ignoringFields("config.targets")
                    .isEqualTo(full);
            JsonNode config = new ObjectMapper()
                    .readTree(path.resolve("adapter_config.json").toFile());
            assertThat(config.path("modules_to_save").toString()).isEqualTo("[\"embed_tokens\",\"lm_head\"]");
            SafetensorsFile file = SafetensorsFile.open(path.resolve("adapter_model.safetensors"), 1 << 20);
            assertThat(file.entry(HEAD).shape()).containsExactly(untied.vocab(), untied.hidden());
            assertThat(file.names()).contains(EMBEDDING);
        }
    }

    @Test
    void filesWithoutAPlaceForThemAreNotWritten() throws IOException {
        Adapter lora = TinyAdapters.random(untied, LoraConfig.allLinears(), 3, 1);
        Bottleneck.Kind kind = new Bottleneck.Kind(Bottleneck.Input.OUTPUT, Bottleneck.Function.RELU, 1);
        for (Adapter adapter : new Adapter[] {
            TinyAdapters.prompt(untied, 3, 1),
            TinyAdapters.prefix(untied, 3, 1),
            new Adapter(new ActivatedConfig(lora.lora(), new Invocation(List.of(7))), lora.modules()),
            TinyAdapters.bottlenecks(untied, kind, 4, 1),
            TinyAdapters.quantized(untied, 3, 4, 4, 1),
            TinyAdapters.sparse(untied, 3, 0.5, 1)
        }) {
            Path path = temporary.resolve("y");
            Adapter full = TinyAdapters.full(adapter, untied, EnumSet.of(FullModule.LM_HEAD), 1);
            assertThatThrownBy(() -> PeftFormat.write(path, full, untied))
                    .as(adapter.config().toString())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("modules in full beside virtual tokens");
            assertThat(path).doesNotExist();
            PeftFormat.write(temporary.resolve("z"), adapter, untied);
        }
    }

    /** As PEFT refuses to combine adapters with weights that have the same module so. */
    @Test
    void theyAreNoFactors() {
        Adapter full = TinyAdapters.full(
                TinyAdapters.random(untied, LoraConfig.allLinears(), 3, 1), untied, EnumSet.of(FullModule.LM_HEAD), 1);
        assertThatThrownBy(full::factors)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "the adapter has lm_head in full (modules_to_save), which is not a product of low-rank factors");
        assertThat(full.firstRanks(2).maxRank()).isEqualTo(2);
        assertThat(full.firstRanks(2).full()).isEqualTo(full.full());
    }
}
