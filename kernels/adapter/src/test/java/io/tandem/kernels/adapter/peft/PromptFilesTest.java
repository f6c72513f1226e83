package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Prompt tuning in PEFT's layout. */
class PromptFilesTest {
    private static final String TENSOR = "prompt_embeddings";
    private static final String TYPE = "\"peft_type\":\"PROMPT_TUNING\"";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final int width = model.hidden();
    private final String fields = TYPE + ",\"num_virtual_tokens\":3,\"token_dim\":" + width
            + ",\"num_transformer_submodules\":1,\"num_layers\":2,\"prompt_tuning_init\":\"TEXT\"";

    @TempDir
    Path directory;

    private PeftDirectory byHand(float[] values) {
        return new PeftDirectory(directory, model).tensor(TENSOR, new long[] {3, width}, values);
    }

    private float[] values() {
        float[] values = new float[3 * width];
        for (int i = 0; i < values.length; i++) {
            values[i] = i / 8f - 3;
        }
        return values;
    }

    @Test
    void aDirectoryAsPeftSavesIt() throws IOException {
        Path path = byHand(values()).write(fields + ",\"base_model_name_or_path\":\"base\"");
        Adapter adapter = PeftFormat.read(path, model, 8);
        assertThat(adapter.config()).isEqualTo(new PromptConfig(3, "base"));
        assertThat(adapter.modules()).isEmpty();
        assertThat(adapter.virtualTokens()).isEqualTo(3);
        assertThat(adapter.prefix().flatMap(Prefix::values).orElseThrow()).containsExactly(values());
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        PeftDirectory right = byHand(values());
        refused(
                right.write(fields.replace("tokens\":3", "tokens\":4")),
                "prompt_embeddings is [3, " + width + "] of F32, expected [4");
        refused(
                right.write(fields.replace("tokens\":3", "tokens\":9")),
                "it has 9 virtual tokens, at most 8 are possible");
        refused(right.write(fields.replace("tokens\":3", "tokens\":0")), "num_virtual_tokens is 0");
        refused(right.write(TYPE), "num_virtual_tokens");
        refused(right.write(fields.replace(":" + width, ":7")), "token_dim is 7, expected the model's " + width);
        refused(right.write(fields.replace("submodules\":1", "submodules\":2")), "num_transformer_submodules is 2");
        refused(
                right.tensor("base_model.model.lm_head.weight", new long[] {1}).write(fields),
                "base_model.model.lm_head.weight is not prompt_embeddings");
        refused(
                new PeftDirectory(directory, model)
                        .tensor("x".repeat(5000), new long[] {1})
                        .write(fields),
                "x".repeat(200) + "… is not prompt_embeddings");
        refused(new PeftDirectory(directory, model).write(fields), "prompt_embeddings is missing, expected [3, ");
        float[] infinite = values();
        infinite[5] = Float.NEGATIVE_INFINITY;
        refused(byHand(infinite).write(fields), "prompt_embeddings has the value -Infinity at 5");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    @Test
    void anAdapterReadsBackAsItWasWrittenUnderPeftsKeys() throws IOException {
        Adapter adapter = TinyAdapters.prompt(model, 5, 7);
        PeftFormat.write(directory, adapter, model);
        assertThat(PeftFormat.read(directory, model, 8))
                .usingRecursiveComparison()
                .isEqualTo(adapter);
        JsonNode json = new ObjectMapper()
                .readTree(directory.resolve("adapter_config.json").toFile());
        assertThat(json.fieldNames())
                .toIterable()
                .containsExactly(
                        "auto_mapping",
                        "base_model_name_or_path",
                        "inference_mode",
                        "num_attention_heads",
                        "num_layers",
                        "num_transformer_submodules",
                        "num_virtual_tokens",
                        "peft_type",
                        "prompt_tuning_init",
                        "prompt_tuning_init_text",
                        "revision",
                        "task_type",
                        "token_dim",
                        "tokenizer_kwargs",
                        "tokenizer_name_or_path");
        assertThat(json.get("peft_type").asText()).isEqualTo("PROMPT_TUNING");
        assertThat(json.get("num_virtual_tokens").asInt()).isEqualTo(5);
    }

    @Test
    void whatPeftHasNoPlaceForIsNotWritten() {
        Adapter factors = TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, 1);
        Adapter prompt = TinyAdapters.prompt(model, 5, 7);
        for (Adapter other : List.of(
                new Adapter(prompt.config(), Prompt.fresh(width, new int[] {1, 2})),
                new Adapter(prompt.config(), factors.modules(), prompt.prefix()),
                new Adapter(factors.config(), prompt.prefix().orElseThrow()))) {
            assertThatThrownBy(() -> PeftFormat.write(directory, other, model))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("an adapter cannot be saved that has virtual tokens");
        }
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void mergingAndCompressionRefuseItByName() {
        Refusals.ofMergingAndCompressing(
                TinyAdapters.prompt(model, 5, 7),
                directory,
                "has virtual tokens, which are not a product of low-rank factors");
    }
}
