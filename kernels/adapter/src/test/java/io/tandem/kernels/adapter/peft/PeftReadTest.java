package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.StoredType;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Directories as PEFT and other tools write them. */
class PeftReadTest {
    private static final Site Q0 = new Site(0, TargetModule.Q_PROJ);
    private static final Site Q1 = new Site(1, TargetModule.Q_PROJ);
    private static final Site V0 = new Site(0, TargetModule.V_PROJ);
    private static final Site DOWN1 = new Site(1, TargetModule.DOWN_PROJ);

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.QWEN3, 1).config();

    @TempDir
    Path temporary;

    private PeftDirectory directory() {
        return new PeftDirectory(temporary.resolve("a"), model);
    }

    @ParameterizedTest
    @EnumSource(
            value = StoredType.class,
            names = {"F32", "F16", "BF16"})
    void allModulesOfAllLayersInEveryPrecision(StoredType dtype) throws IOException {
        PeftDirectory directory = directory().storedAs(dtype);
        for (int layer = 0; layer < 2; layer++) {
            for (TargetModule module : LoraConfig.allLinears()) {
                directory.factors(new Site(layer, module), 4);
            }
        }
        Path path = directory.write("\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":16,\"bias\":\"none\","
                + "\"base_model_name_or_path\":\"org/base\",\"task_type\":\"CAUSAL_LM\",\"inference_mode\":true,"
                + "\"target_modules\":[\"down_proj\",\"q_proj\",\"k_proj\",\"o_proj\",\"up_proj\",\"v_proj\","
                + "\"gate_proj\"],\"fan_in_fan_out\":false,\"use_dora\":false,\"use_rslora\":false,"
                + "\"modules_to_save\":[],\"loftq_config\":{},\"rank_pattern\":{},\"alpha_pattern\":null,"
                + "\"init_lora_weights\":\"gaussian\",\"key_of_a_later_release\":[1,2]");
        Adapter adapter = PeftFormat.read(path, model, 4);
        assertThat(adapter.factors()).hasSize(14);
        assertThat(adapter.config().targets()).isEqualTo(LoraConfig.allLinears());
        assertThat(adapter.config().baseModel()).isEqualTo("org/base");
        LowRank down = adapter.factors().get(DOWN1);
        assertThat(down.inputs()).isEqualTo(model.ffn());
        assertThat(down.outputs()).isEqualTo(model.hidden());
        assertThat(down.a()).hasSize(4 * model.ffn()).containsOnly(2f);
        assertThat(down.b()).hasSize(4 * model.hidden()).containsOnly(0.5f);
        assertThat(down.scaling()).isEqualTo(4);
    }

    @Test
    void patternsGiveModulesTheirOwnRankAndAlpha() throws IOException {
        Path path = directory()
                .factors(Q0, 2)
                .factors(Q1, 3)
                .factors(V0, 8)
                .factors(DOWN1, 5)
                .write("\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16,\"target_modules\":\"all-linear\","
                        + "\"rank_pattern\":{\"layers.0.self_attn.q_proj\":2,\"q_proj\":3,\".*mlp.*\":5},"
                        + "\"alpha_pattern\":{\"^model.layers.1.self_attn.q_proj\":30,\"(v|down)_proj\":4}");
        Adapter adapter = PeftFormat.read(path, model, 8);
        assertThat(adapter.factors().get(Q0).scaling()).isEqualTo(16.0 / 2);
        assertThat(adapter.factors().get(Q1).scaling()).isEqualTo(30.0 / 3);
        assertThat(adapter.factors().get(V0).scaling()).isEqualTo(4.0 / 8);
        assertThat(adapter.factors().get(DOWN1).scaling()).isEqualTo(4.0 / 5);
        assertThat(adapter.config().rank()).isEqualTo(8);
        assertThat(adapter.maxRank()).isEqualTo(8);
    }

    @Test
    void aPatternMatchesWholePartsOfANameOnly() throws IOException {
        // "proj" is the end of a part, "q_proj.*" would need more than the name has: neither is q_proj's pattern.
        Path path = directory()
                .factors(Q0, 8)
                .write("\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":8,\"target_modules\":[\"q_proj\"],"
                        + "\"rank_pattern\":{\"proj\":2,\"q_proj.x\":3,\"layers.1.self_attn.q_proj\":4}");
        assertThat(PeftFormat.read(path, model, 8).modules().get(Q0).rank()).isEqualTo(8);
    }

    @Test
    void rankStabilizedScalingDividesByTheRoot() throws IOException {
        Path path = directory()
                .factors(Q0, 2)
                .factors(V0, 8)
                .write("\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":16,\"use_rslora\":true,"
                        + "\"target_modules\":[\"q_proj\",\"v_proj\"],\"rank_pattern\":{\"v_proj\":8}");
        Adapter adapter = PeftFormat.read(path, model, 8);
        assertThat(adapter.factors().get(Q0).scaling()).isCloseTo(16 / Math.sqrt(2), within(1e-12));
        assertThat(adapter.factors().get(V0).scaling()).isCloseTo(16 / Math.sqrt(8), within(1e-12));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"target_modules\":[\"q_proj\"]",
                "\"target_modules\":[\"self_attn.q_proj\"]",
                "\"target_modules\":[\"model.layers.0.self_attn.q_proj\",\"model.layers.1.self_attn.q_proj\"]",
                "\"target_modules\":\".*q_proj\"",
                "\"target_modules\":\"model\\\\.layers\\\\.[0-9]+\\\\.self_attn\\\\.(q|k)_proj\"",
                "\"target_modules\":\"ALL-linear\"",
                "\"target_modules\":\".*\",\"exclude_modules\":[\"v_proj\"]",
                "\"target_modules\":\".*\",\"exclude_modules\":\".*mlp.*\"",
                "\"target_modules\":[\"q_proj\"],\"layers_to_transform\":[0,1]",
                "\"target_modules\":[\"q_proj\"],\"layers_to_transform\":[]",
                "\"target_modules\":[\"q_proj\"],\"layers_to_transform\":[0,1],\"layers_pattern\":\"layers\"",
                "\"target_modules\":[\"q_proj\"],\"layers_to_transform\":[0,1],\"layers_pattern\":[\"h\",\"layers\"]",
            })
    void everyWayToSelectModules(String selection) throws IOException {
        Path path = directory()
                .factors(Q0, 2)
                .factors(Q1, 2)
                .write("\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":2," + selection);
        assertThat(PeftFormat.read(path, model, 8).modules().keySet()).containsExactly(Q0, Q1);
    }

    @Test
    void targetedModulesWithoutFactorsStayUnchanged() throws IOException {
        Path path = directory()
                .factors(V0, 2)
                .write("\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":2,\"target_modules\":[\"q_proj\",\"v_proj\"]");
        assertThat(PeftFormat.read(path, model, 8).modules().keySet()).containsExactly(V0);
    }
}
