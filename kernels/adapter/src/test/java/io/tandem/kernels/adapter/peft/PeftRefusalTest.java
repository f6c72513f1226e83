package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PeftRefusalTest {
    private static final Site Q0 = new Site(0, TargetModule.Q_PROJ);
    private static final String A = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    private static final String B = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";
    private static final String PLAIN =
            "\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"q_proj\"]";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.QWEN3, 1).config();

    @TempDir
    Path temporary;

    private PeftDirectory directory() {
        return new PeftDirectory(temporary.resolve("x"), model);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"peft_type\":\"VERA\" | peft_type is \"VERA\", expected one of LORA, ADALORA, IA3, PROMPT_TUNING",
                "\"peft_type\":null | peft_type is null",
                "\"use_dora\":\"yes\" | use_dora is \"yes\", expected true or false",
                "\"fan_in_fan_out\":true | fan_in_fan_out is true",
                "\"lora_bias\":true,\"use_dora\":true | lora_bias is true",
                "\"bias\":\"all\" | bias is \"all\", expected \"none\"",
                "\"modules_to_save\":[\"score\"] | modules_to_save is [\"score\"]",
                "\"layer_replication\":[[0,1]] | layer_replication is [[0,1]]",
                "\"trainable_token_indices\":[3] | trainable_token_indices",
                "\"target_parameters\":[\"x\"] | target_parameters",
                "\"alora_invocation_tokens\":[] | alora_invocation_tokens",
                "\"init_lora_weights\":\"pissa_niter_4\" | path_initial_model_for_weight_conversion",
                "\"r\":0 | r is 0, expected an integer of 1",
                "\"r\":-4 | r is -4, expected an integer of 1",
                "\"r\":2.5 | r is 2.5, expected an integer of 1",
                "\"lora_alpha\":\"16\" | lora_alpha is \"16\", expected a number",
                "\"lora_alpha\":1e308 | lora_alpha is 1.0E308, expected a number",
                "\"target_modules\":null | target_modules is null, expected a list",
                "\"target_modules\":[3] | target_modules is [3], expected a list",
                "\"target_modules\":{} | target_modules is {}, expected a list",
                "\"target_modules\":\"(\" | is not a valid regular expression",
                "\"target_modules\":[\"v_proj\"] | q_proj has factors, but adapter_config.json does not target it",
                "\"exclude_modules\":[\"q_proj\"] | q_proj has factors, but adapter_config.json does not target it",
                "\"layers_to_transform\":1 | q_proj has factors, but adapter_config.json does not target it",
                "\"layers_to_transform\":[0],\"layers_pattern\":\"h\" | does not target it",
                "\"layers_to_transform\":[-1] | layers_to_transform is [-1]",
                "\"rank_pattern\":[] | rank_pattern is [], expected an object",
                "\"rank_pattern\":{\"q_proj\":0} | rank_pattern.q_proj is 0",
                "\"rank_pattern\":{\"q_proj\":1.5} | expected whole numbers",
                "\"rank_pattern\":{\"q_proj\":17} | has rank 17, expected at most 16",
                "\"rank_pattern\":{\"*\":2} | is not a valid regular expression",
                "\"rank_pattern\":{\"q_proj\":4} | lora_A is [2, 32], expected [4, 32]",
                "\"alpha_pattern\":{\"q_proj\":null} | alpha_pattern.q_proj is null",
                "\"base_model_name_or_path\":7 | base_model_name_or_path is 7, expected a string",
            })
    void configurationsBeyondPlainLoraAreRefusedByKey(String field, String expected) throws IOException {
        String key = field.substring(0, field.indexOf(':'));
        StringBuilder fields = new StringBuilder(field);
        for (String plain : PLAIN.split(",(?=\")", -1)) {
            fields.append(plain.startsWith(key + ":") ? "" : "," + plain);
        }
        directory().factors(Q0, 2).write(fields.toString());
        assertRefusal().hasMessageContaining(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(.*)*(.*)*(.*)*(.*)*(.*)*(.*)*!",
                "((((a|.)*)*)*)*!",
                "(x{0,1000}){0,1000}",
                "(((((){999}){999}){999}){999})",
                "(){2147483647}",
            })
    void expressionsThatWouldSearchForYearsAreRefused(String expression) throws IOException {
        directory().factors(Q0, 2).write(PLAIN.replace("[\"q_proj\"]", "\"" + expression + "\""));
        Assertions.assertTimeoutPreemptively(
                Duration.ofMinutes(2), () -> assertRefusal().hasMessageContaining("target_modules is"));
    }

    @Test
    void deepAndLongExpressionsAreRefused() throws IOException {
        for (String expression :
                new String[] {"(".repeat(2000) + ")".repeat(2000), "[a".repeat(2000), "a".repeat(5000)}) {
            directory().factors(Q0, 2).write(PLAIN.replace("[\"q_proj\"]", "\"" + expression + "\""));
            AbstractThrowableAssert<?, ?> refusal = assertRefusal();
            refusal.satisfies(e -> assertThat(e.getMessage().length()).isLessThan(1000));
        }
    }

    @Test
    void everyShapeThatDisagreesIsListed() throws IOException {
        Site up = new Site(1, TargetModule.UP_PROJ);
        directory()
                .factors(Q0, 2)
                .factors(up, 2)
                .tensor(A, new long[] {2, 31})
                .tensor("base_model.model." + up + ".lora_B.weight", new long[] {44})
                .write(PLAIN.replace("\"q_proj\"", "\"q_proj\",\"up_proj\""));
        assertRefusal()
                .hasMessage("adapter 'x': model.layers.0.self_attn.q_proj.lora_A is [2, 31], expected [2, 32]; "
                        + "model.layers.1.mlp.up_proj.lora_B is [44], expected [44, 2]");
    }

    @Test
    void aFactorWithoutTheOtherIsRefused() throws IOException {
        directory().factors(Q0, 2).without(B).write(PLAIN);
        assertRefusal().hasMessageContaining("model.layers.0.self_attn.q_proj.lora_B is missing, expected [64, 2]");
        directory().factors(Q0, 2).without(A).write(PLAIN);
        assertRefusal().hasMessageContaining("model.layers.0.self_attn.q_proj.lora_A is missing, expected [2, 32]");
    }

    @Test
    void aRankBeyondTheLimitIsRefused() throws IOException {
        directory().factors(Q0, 32).write(PLAIN.replace("\"r\":2", "\"r\":32"));
        assertRefusal().hasMessageContaining("q_proj has rank 32, expected at most 16");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "base_model.model.lm_head.lora_A.weight",
                "base_model.model.model.embed_tokens.lora_embedding_A",
                "base_model.model.model.layers.0.self_attn.qkv_proj.lora_A.weight",
                "base_model.model.model.layers.0.mlp.q_proj.lora_A.weight",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight",
                "base_model.model.transformer.h.0.attn.lora_A.weight",
                "",
            })
    void tensorsOfOtherModulesAreRefusedByName(String name) throws IOException {
        directory().factors(Q0, 2).tensor(name, new long[] {2, 32}).write(PLAIN);
        assertRefusal().hasMessageContaining(name + " is not a LoRA factor of a decoder layer's linear");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2", "999999", "00"})
    void layersThatTheModelDoesNotHaveAreRefused(String layer) throws IOException {
        String name = A.replace("layers.0", "layers." + layer);
        directory().factors(Q0, 2).tensor(name, new long[] {2, 32}).write(PLAIN);
        assertRefusal().hasMessageContaining(name + " is of layer " + layer + ", expected 0 to 1");
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void valuesThatAreNotFiniteAreRefused(float value) throws IOException {
        float[] b = new float[128];
        b[77] = value;
        directory().factors(Q0, 2).tensor(B, new long[] {64, 2}, b).write(PLAIN);
        assertRefusal().hasMessageContaining("q_proj.lora_B has the value " + value + " at 77, expected finite");
    }

    @Test
    void manyProblemsAreCountedAndTheFirstAreShown() throws IOException {
        PeftDirectory directory = directory().factors(Q0, 2);
        for (int i = 0; i < 30; i++) {
            directory.tensor("stray." + i, new long[] {1});
        }
        directory.write(PLAIN);
        assertRefusal().hasMessageContaining("; and 20 more");
    }

    @Test
    void anAdapterThatChangesNothingIsRefused() throws IOException {
        directory().write(PLAIN);
        assertRefusal().hasMessageContaining("changes no module");
    }

    @Test
    void picklesAreNeverRead() throws IOException {
        Path path = directory().factors(Q0, 2).write(PLAIN);
        Files.move(path.resolve("adapter_model.safetensors"), path.resolve("adapter_model.bin"));
        assertRefusal().hasMessageContaining("adapter_model.bin is a pickle, and pickles are never read");
        Files.delete(path.resolve("adapter_model.bin"));
        assertRefusal().hasMessageContaining("adapter_model.safetensors: no such file");
    }

    @Test
    void damagedFilesAreRefusedWithTheAdaptersName() throws IOException {
        Path path = directory().factors(Q0, 2).write(PLAIN);
        Path weights = path.resolve("adapter_model.safetensors");
        byte[] whole = Files.readAllBytes(weights);
        Files.write(weights, Arrays.copyOf(whole, whole.length - 1));
        assertRefusal().hasMessageContaining("adapter_model.safetensors");
        Files.write(path.resolve("adapter_config.json"), new byte[(1 << 20) + 1]);
        assertRefusal().hasMessageContaining("larger than the limit of 1048576 bytes");
        Files.writeString(path.resolve("adapter_config.json"), "LORA");
        assertRefusal().hasMessageContaining("not valid JSON");
    }

    private AbstractThrowableAssert<?, ?> assertRefusal() {
        return assertThatThrownBy(() -> PeftFormat.read(temporary.resolve("x"), model, 16))
                .isInstanceOf(AdapterFormatException.class)
                .hasMessageStartingWith("adapter 'x': ");
    }
}
