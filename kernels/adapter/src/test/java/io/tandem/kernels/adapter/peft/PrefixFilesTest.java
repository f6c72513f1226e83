package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.PrefixConfig;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Prefix tuning in PEFT's layout. The model has fewer heads of keys than of queries. */
class PrefixFilesTest {
    private static final String TENSOR = "prompt_embeddings";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final int keys = model.kvHeads() * model.headDim();
    private final int width = model.layers() * 2 * keys;
    private final String fields = "\"peft_type\":\"PREFIX_TUNING\",\"num_virtual_tokens\":3,\"token_dim\":" + keys
            + ",\"num_transformer_submodules\":1,\"num_layers\":" + model.layers() + ",\"num_attention_heads\":"
            + model.kvHeads();

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

    /** With a projection too, PEFT saves what it makes of its inputs. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                ",\"prefix_projection\":false,\"encoder_hidden_size\":16",
                ",\"prefix_projection\":true,\"encoder_hidden_size\":512"
            })
    void aDirectoryAsPeftSavesIt(String projection) throws IOException {
        assertThat(model.heads()).isGreaterThan(model.kvHeads());
        Path path = byHand(values()).write(fields + projection + ",\"base_model_name_or_path\":\"base\"");
        Adapter adapter = PeftFormat.read(path, model, 8);
        assertThat(adapter.config()).isEqualTo(new PrefixConfig(3, "base"));
        assertThat(adapter.modules()).isEmpty();
        assertThat(adapter.virtualTokens()).isEqualTo(3);
        assertThat(adapter.prefix().flatMap(Prefix::values).orElseThrow()).containsExactly(values());
    }

    /** PEFT fills in what is null from the model. */
    @Test
    void whatIsLeftOpenIsTheModels() throws IOException {
        Path path = byHand(values())
                .write(
                        "\"peft_type\":\"PREFIX_TUNING\",\"num_virtual_tokens\":3,\"token_dim\":null,\"num_layers\":null");
        assertThat(PeftFormat.read(path, model, 8).virtualTokens()).isEqualTo(3);
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        PeftDirectory right = byHand(values());
        refused(
                right.write(fields.replace("tokens\":3", "tokens\":4")),
                "prompt_embeddings is [3, " + width + "] of F32, expected [4, " + width + "]");
        refused(
                right.write(fields.replace("tokens\":3", "tokens\":9")),
                "it has 9 virtual tokens, at most 8 are possible");
        refused(
                right.write(fields.replace("heads\":" + model.kvHeads(), "heads\":" + model.heads())),
                "num_attention_heads is " + model.heads() + ", expected the model's " + model.kvHeads()
                        + " heads of keys");
        refused(
                right.write(fields.replace("dim\":" + keys, "dim\":" + model.hidden())),
                "token_dim is " + model.hidden() + ", expected the model's " + keys);
        refused(
                right.write(fields.replace("layers\":" + model.layers(), "layers\":99")),
                "num_layers is 99, expected the model's " + model.layers() + " layers");
        refused(right.write(fields.replace("submodules\":1", "submodules\":2")), "num_transformer_submodules is 2");
        refused(
                right.tensor("transform.0.weight", new long[] {1}).write(fields),
                "transform.0.weight is not prompt_embeddings, the only tensor of PREFIX_TUNING");
        refused(new PeftDirectory(directory, model).write(fields), "prompt_embeddings is missing, expected [3, ");
        float[] broken = values();
        broken[5] = Float.NaN;
        refused(byHand(broken).write(fields), "prompt_embeddings has the value NaN at 5");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    @Test
    void anAdapterReadsBackAsItWasWrittenUnderPeftsKeys() throws IOException {
        Adapter adapter = TinyAdapters.prefix(model, 5, 7);
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
                        "encoder_hidden_size",
                        "inference_mode",
                        "num_attention_heads",
                        "num_layers",
                        "num_transformer_submodules",
                        "num_virtual_tokens",
                        "peft_type",
                        "prefix_projection",
                        "revision",
                        "task_type",
                        "token_dim");
        assertThat(json.get("peft_type").asText()).isEqualTo("PREFIX_TUNING");
        assertThat(json.get("num_virtual_tokens").asInt()).isEqualTo(5);
        assertThat(json.get("num_attention_heads").asInt()).isEqualTo(model.kvHeads());
        assertThat(json.get("token_dim").asInt()).isEqualTo(keys);
        assertThat(json.get("prefix_projection").asBoolean()).isFalse();
    }

    @Test
    void whatPeftHasNoPlaceForIsNotWritten() {
        Adapter prefix = TinyAdapters.prefix(model, 5, 7);
        for (Adapter other : List.of(
                new Adapter(prefix.config(), KeysAndValues.fresh(model, new int[] {1, 2})),
                new Adapter(new PromptConfig(5, ""), prefix.prefix().orElseThrow()))) {
            assertThatThrownBy(() -> PeftFormat.write(directory, other, model))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("an adapter cannot be saved that has virtual tokens");
        }
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void mergingAndCompressionRefuseItByName() {
        Refusals.ofMergingAndCompressing(
                TinyAdapters.prefix(model, 5, 7),
                directory,
                "has virtual tokens, which are not a product of low-rank factors");
    }
}
