package io.tandem.kernels.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The keys that matter in the {@code config.json} of published models. That they are read rightly shows in the number of
 * parameters, which the models' cards give, and in the windows.
 */
class PublishedModelsTest {
    @TempDir
    Path directory;

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "Llama | llama | 8.030 | 131072 | 0 | `'hidden_size':4096,'intermediate_size':14336,"
                        + "'num_attention_heads':32,'num_hidden_layers':32,'num_key_value_heads':8,'vocab_size':128256,"
                        + "'max_position_embeddings':131072,'rms_norm_eps':1e-05,'rope_theta':500000.0,'mlp_bias':false,"
                        + "'attention_bias':false,'pretraining_tp':1,'tie_word_embeddings':false,'rope_scaling':{"
                        + "'factor':8.0,'low_freq_factor':1.0,'high_freq_factor':4.0,"
                        + "'original_max_position_embeddings':8192,'rope_type':'llama3'}`",
                "Mistral | mistral | 7.242 | 32768 | 4096 | `'hidden_size':4096,'intermediate_size':14336,"
                        + "'num_attention_heads':32,'num_hidden_layers':32,'num_key_value_heads':8,'vocab_size':32000,"
                        + "'max_position_embeddings':32768,'rms_norm_eps':1e-05,'rope_theta':10000.0,"
                        + "'sliding_window':4096,'tie_word_embeddings':false`",
                "Qwen2 | qwen2 | 7.616 | 131072 | 0 | `'hidden_size':3584,'intermediate_size':18944,"
                        + "'num_attention_heads':28,'num_hidden_layers':28,'num_key_value_heads':4,'vocab_size':152064,"
                        + "'max_position_embeddings':32768,'max_window_layers':28,'rms_norm_eps':1e-06,"
                        + "'rope_theta':1000000.0,'sliding_window':131072,'use_sliding_window':false,"
                        + "'tie_word_embeddings':false,'rope_scaling':{'factor':4.0,"
                        + "'original_max_position_embeddings':32768,'type':'yarn'}`",
                "Gemma2 | gemma2 | 2.614 | 8192 | 0 4096 | `'hidden_size':2304,'intermediate_size':9216,"
                        + "'num_attention_heads':8,'num_hidden_layers':26,'num_key_value_heads':4,'head_dim':256,"
                        + "'vocab_size':256000,'max_position_embeddings':8192,'rms_norm_eps':1e-06,'rope_theta':10000.0,"
                        + "'attention_bias':false,'attn_logit_softcapping':50.0,'final_logit_softcapping':30.0,"
                        + "'hidden_act':'gelu_pytorch_tanh','hidden_activation':'gelu_pytorch_tanh',"
                        + "'query_pre_attn_scalar':256,'sliding_window':4096,'cache_implementation':'hybrid'`",
                "Gemma3 | gemma3_text | 1.000 | 32768 | 0 512 | `'hidden_size':1152,'intermediate_size':6912,"
                        + "'num_attention_heads':4,'num_hidden_layers':26,'num_key_value_heads':1,'head_dim':256,"
                        + "'vocab_size':262144,'max_position_embeddings':32768,'rms_norm_eps':1e-06,'rope_theta':1000000,"
                        + "'rope_local_base_freq':10000,'rope_scaling':null,'attention_bias':false,"
                        + "'attn_logit_softcapping':null,'final_logit_softcapping':null,"
                        + "'hidden_activation':'gelu_pytorch_tanh','query_pre_attn_scalar':256,'sliding_window':512,"
                        + "'sliding_window_pattern':6,'cache_implementation':'hybrid'`",
                "Phi3 | phi3 | 3.821 | 4096 | 2047 | `'hidden_size':3072,'intermediate_size':8192,"
                        + "'num_attention_heads':32,'num_hidden_layers':32,'num_key_value_heads':32,'vocab_size':32064,"
                        + "'max_position_embeddings':4096,'original_max_position_embeddings':4096,'rms_norm_eps':1e-05,"
                        + "'rope_theta':10000.0,'rope_scaling':null,'sliding_window':2047,'attention_bias':false,"
                        + "'tie_word_embeddings':false`",
                "Olmo2 | olmo2 | 7.299 | 4096 | 0 | `'hidden_size':4096,'intermediate_size':11008,"
                        + "'num_attention_heads':32,'num_hidden_layers':32,'num_key_value_heads':32,'vocab_size':100352,"
                        + "'max_position_embeddings':4096,'rms_norm_eps':1e-06,'rope_theta':500000,'rope_scaling':null,"
                        + "'attention_bias':false,'hidden_act':'silu','tie_word_embeddings':false`",
                "Granite | granite | 2.534 | 131072 | 0 | `'hidden_size':2048,'intermediate_size':8192,"
                        + "'num_attention_heads':32,'num_hidden_layers':40,'num_key_value_heads':8,'vocab_size':49155,"
                        + "'max_position_embeddings':131072,'rms_norm_eps':1e-05,'rope_theta':5000000.0,"
                        + "'rope_scaling':null,'attention_bias':false,'mlp_bias':false,'attention_multiplier':0.015625,"
                        + "'embedding_multiplier':12.0,'residual_multiplier':0.22,'logits_scaling':8.0,"
                        + "'tie_word_embeddings':true`",
                "StableLm | stablelm | 1.644 | 4096 | 0 | `'hidden_size':2048,'intermediate_size':5632,"
                        + "'num_attention_heads':32,'num_hidden_layers':24,'num_key_value_heads':32,'vocab_size':100352,"
                        + "'max_position_embeddings':4096,'layer_norm_eps':1e-05,'rope_theta':10000,"
                        + "'partial_rotary_factor':0.25,'use_qkv_bias':true,'hidden_act':'silu',"
                        + "'tie_word_embeddings':false`",
                "Mixtral | mixtral | 46.70 | 32768 | 0 | `'hidden_size':4096,'intermediate_size':14336,"
                        + "'num_attention_heads':32,'num_hidden_layers':32,'num_key_value_heads':8,'vocab_size':32000,"
                        + "'max_position_embeddings':32768,'rms_norm_eps':1e-05,'rope_theta':1000000.0,"
                        + "'num_experts_per_tok':2,'num_local_experts':8,'router_aux_loss_coef':0.02,"
                        + "'sliding_window':null,'tie_word_embeddings':false`",
                "Qwen3Moe | qwen3_moe | 30.53 | 40960 | 0 | `'hidden_size':2048,'intermediate_size':6144,"
                        + "'num_attention_heads':32,'num_hidden_layers':48,'num_key_value_heads':4,'head_dim':128,"
                        + "'vocab_size':151936,'max_position_embeddings':40960,'rms_norm_eps':1e-06,"
                        + "'rope_theta':1000000.0,'rope_scaling':null,'decoder_sparse_step':1,'mlp_only_layers':[],"
                        + "'moe_intermediate_size':768,'norm_topk_prob':true,'num_experts':128,"
                        + "'num_experts_per_tok':8,'sliding_window':null,'use_sliding_window':false,"
                        + "'max_window_layers':48,'attention_bias':false,'tie_word_embeddings':false`",
            })
    void parametersContextAndWindows(
            String family, String modelType, double billions, int positions, String windows, String keys)
            throws IOException {
        String json = "{'architectures':['" + family + "ForCausalLM'],'model_type':'" + modelType + "'," + keys + "}";
        Files.writeString(directory.resolve("config.json"), json.replace('\'', '"'));
        ModelConfig model = ModelConfigReader.read(directory);
        long embedding = (long) model.vocab() * model.hidden();
        long all = LongStream.of(model.layerParameters(), embedding, model.tiedEmbeddings() ? 0 : embedding)
                .sum();
        // Norms and biases are a few in ten thousand.
        assertThat(all / 1e9).isCloseTo(billions, within(1e-3 * billions));
        assertThat(model.maxPositions()).isEqualTo(positions);
        assertThat(model.windows()).map(String::valueOf).containsExactly(windows.split(" "));
    }
}
