package io.tandem.kernels.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.RopeScaling;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.GgufBlock;
import io.tandem.kernels.testing.GgufModel;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.WeightNames;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A GGUF file means the same model as the config.json and the tensors that it was made from. */
class GgufModelTest {
    private static final String SIZES = "'num_hidden_layers':2,'hidden_size':64,'num_attention_heads':4,"
            + "'num_key_value_heads':2,'head_dim':16,'intermediate_size':96,'vocab_size':61,"
            + "'max_position_embeddings':512,'rms_norm_eps':1e-6,'rope_theta':1000000,";

    @TempDir
    private Path directory;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private Path file() {
        return directory.resolve("model.gguf");
    }

    private static ModelConfig config(String fields) {
        String json = "{" + (SIZES + fields).replace('\'', '"') + "}";
        return ModelConfigReader.read(JsonFields.parse(Path.of("config.json"), json.getBytes(StandardCharsets.UTF_8)));
    }

    private void assertSame(ModelConfig expected, Map<String, float[]> numbers) {
        ModelFiles files = ModelSource.open(file());
        assertThat(ModelConfigReader.read(files.config())).isEqualTo(expected);
        Checkpoint weights = files.weights();
        WeightNames.validate(weights, expected);
        assertThat(weights.names()).containsExactlyInAnyOrderElementsOf(numbers.keySet());
        numbers.forEach(
                (name, values) -> assertThat(weights.floats(name)).as(name).containsExactly(values));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "llama | | 'architectures':['LlamaForCausalLM'],'tie_word_embeddings':false",
                "llama | | 'architectures':['LlamaForCausalLM'],'tie_word_embeddings':true",
                "llama | | 'architectures':['LlamaForCausalLM'],'attention_bias':true,'mlp_bias':true",
                "llama | attention.sliding_window=128 | 'architectures':['MistralForCausalLM'],'sliding_window':128",
                "llama | expert_count=4,expert_used_count=2 | 'architectures':['MixtralForCausalLM'],"
                        + "'num_local_experts':4,'num_experts_per_tok':2,'sliding_window':null",
                "qwen2 | | 'architectures':['Qwen2ForCausalLM'],'tie_word_embeddings':true",
                "qwen3 | | 'architectures':['Qwen3ForCausalLM'],'tie_word_embeddings':true",
                "qwen3moe | expert_count=4,expert_used_count=2,expert_feed_forward_length=32 |"
                        + " 'architectures':['Qwen3MoeForCausalLM'],'num_experts':4,'num_experts_per_tok':2,"
                        + "'norm_topk_prob':true,'moe_intermediate_size':32",
                "gemma2 | attention.sliding_window=32 | 'architectures':['Gemma2ForCausalLM'],'sliding_window':32,"
                        + "'query_pre_attn_scalar':16,'attn_logit_softcapping':50.0,'final_logit_softcapping':30.0",
                "gemma3 | attention.sliding_window=32 | 'architectures':['Gemma3ForCausalLM'],'sliding_window':32,"
                        + "'query_pre_attn_scalar':16,'rope_local_base_freq':10000.0",
                "phi3 | attention.sliding_window=47 | 'architectures':['Phi3ForCausalLM'],'sliding_window':47,"
                        + "'partial_rotary_factor':1.0",
                "phi3 | rope.dimension_count=12 | 'architectures':['Phi3ForCausalLM'],'partial_rotary_factor':0.75",
            })
    void everyArchitecture(String architecture, String keys, String fields) throws IOException {
        ModelConfig expected = config(fields);
        GgufModel model = new GgufModel(architecture, expected);
        for (String key : keys == null ? new String[0] : keys.split(",")) {
            model.key(key.split("=")[0], Integer.valueOf(key.split("=")[1]));
        }
        model.weights(TinyModel.of(expected, seeded.random().nextLong()), GgufModel.Plain.F32)
                .file()
                .write(file());
        assertSame(expected, model.numbers());
    }

    @ParameterizedTest
    @EnumSource(GgufModel.Plain.class)
    void numbersThatAreNotInBlocks(GgufModel.Plain type) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, seeded.random().nextLong());
        GgufModel model = new GgufModel("llama", tiny.config()).weights(tiny, type);
        model.file().write(file());
        assertSame(tiny.config(), model.numbers());
        assertThat(ModelSource.open(file()).weights().entry("lm_head.weight").dtype())
                .isEqualTo(StoredType.valueOf(type.name()));
    }

    @ParameterizedTest
    @EnumSource(GgufBlock.Type.class)
    void blocks(GgufBlock.Type type) throws IOException {
        Random random = seeded.random();
        int width = Math.max(64, type.elements);
        ModelConfig config = ModelConfig.llama(1, width, 4, 2, width / 4, width, 61)
                .epsilon(1e-6)
                .build();
        TinyModel tiny = TinyModel.of(config, random.nextLong());
        GgufModel model = new GgufModel("llama", config).weights(tiny, type, random);
        model.file().write(file());
        assertSame(config, model.numbers());
    }

    @Test
    void aPieceMayBeAsSmallAsANumber() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        new GgufModel("llama", tiny.config())
                .weights(tiny, GgufBlock.Type.Q8_0, new Random(1))
                .file()
                .write(file());
        Checkpoint weights = ModelSource.open(file()).weights();
        for (String name : weights.names()) {
            List<Float> read = new ArrayList<>();
            ByteBuffer piece = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
            weights.read(name, piece, part -> read.add(part.getFloat(0)));
            assertThat(read).hasSize((int) weights.entry(name).elements());
        }
    }

    /** Llama 3.1's scaling is in the file as the factors that come of it. */
    @Test
    void ropeFactorsDivideTheFrequencies() throws IOException {
        ModelConfig config = config("'architectures':['LlamaForCausalLM']");
        GgufModel model = new GgufModel("llama", config);
        model.file().floats("rope_freqs.weight", new long[] {8}, 1, 1, 1, 2, 4, 8, 8, 8);
        model.weights(TinyModel.of(config, 1), GgufModel.Plain.F32).file().write(file());
        RopeScaling scaling = ModelConfigReader.read(ModelSource.open(file()).config())
                .rotaries()
                .get(0)
                .scaling()
                .orElseThrow();
        List<Double> factors = List.of(1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0);
        assertThat(scaling).isEqualTo(new RopeScaling.LongRope(factors, factors, 512, 1));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "linear | 4.0 | {'rope_type':'linear','factor':4}",
                "yarn | 4.0 | {'rope_type':'yarn','factor':4,'original_max_position_embeddings':128}",
            })
    void ropeScaling(String type, float factor, String json) throws IOException {
        ModelConfig expected = config("'architectures':['LlamaForCausalLM'],'rope_scaling':" + json);
        GgufModel model = new GgufModel("llama", expected)
                .key("context_length", 512)
                .key("rope.scaling.type", type)
                .key("rope.scaling.factor", factor)
                .key("rope.scaling.original_context_length", 128)
                .weights(TinyModel.of(expected, 1), GgufModel.Plain.F32);
        model.file().write(file());
        assertSame(expected, model.numbers());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "general.architecture | falcon | one of llama, qwen2, qwen3, qwen3moe, gemma2, gemma3, phi3",
                "llama.attention.value_length | 8 | llama.attention.value_length is 8",
                "llama.attention.head_count | 0 | llama.attention.head_count is 0, expected 1 or more",
                "llama.attention.key_length | 15 | expected an even number",
                "llama.rope.dimension_count | 8 | all 16 channels",
                "llama.block_count | many | llama.block_count is many, expected an integer",
                "llama.context_length | 0 | max_position_embeddings is 0",
                "llama.rope.scaling.type | su | llama.rope.scaling.type is su, expected none, linear, yarn",
                "split.count | 3 | llama-gguf-split --merge",
            })
    void whatCannotBeExpressedIsRefused(String key, String value, String message) throws IOException {
        ModelConfig config = config("'architectures':['LlamaForCausalLM']");
        GgufModel model = new GgufModel("llama", config).weights(TinyModel.of(config, 1), GgufModel.Plain.F32);
        if (value.matches("\\d+")) {
            model.key("attention.value_length", key.endsWith("key_length") ? Integer.parseInt(value) : 16);
            model.file().put(key, Integer.valueOf(value));
        } else {
            model.file().put(key, value);
        }
        model.file().write(file());
        assertThatThrownBy(() -> ModelConfigReader.read(ModelSource.open(file()).config()))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(message)
                .hasMessageContaining("model.gguf");
    }

    @Test
    void aTensorThatIsMissingIsNamed() throws IOException {
        ModelConfig config = config("'architectures':['LlamaForCausalLM']");
        GgufModel model = new GgufModel("llama", config);
        model.file()
                .floats("token_embd.weight", new long[] {61, 64}, new float[61 * 64])
                .write(file());
        ModelFiles files = ModelSource.open(file());
        assertThatThrownBy(() -> WeightNames.validate(files.weights(), config))
                .hasMessageContaining("model.layers.0.self_attn.q_proj.weight is missing");
    }
}
