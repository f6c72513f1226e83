package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** (IA)^3 in PEFT's layout. */
class Ia3FilesTest {
    private static final String FIELDS =
            "\"peft_type\":\"IA3\",\"target_modules\":[\"k_proj\",\"down_proj\"],\"feedforward_modules\":";
    private static final Site KEYS = new Site(1, TargetModule.K_PROJ);
    private static final Site DOWN = new Site(0, TargetModule.DOWN_PROJ);
    private static final String KEYS_L = "base_model.model.model.layers.1.self_attn.k_proj.ia3_l";
    private static final String DOWN_L = "base_model.model.model.layers.0.mlp.down_proj.ia3_l";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.QWEN3, 1).config();
    private final int outputs = TargetModule.K_PROJ.outputs(model);
    private final int inputs = TargetModule.DOWN_PROJ.inputs(model);

    @TempDir
    Path directory;

    private PeftDirectory byHand() {
        return new PeftDirectory(directory, model)
                .tensor(KEYS_L, new long[] {outputs, 1}, values(outputs))
                .tensor(DOWN_L, new long[] {1, inputs}, values(inputs));
    }

    private static float[] values(int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = 1 - i / 8f;
        }
        return values;
    }

    private static Scale scale(Adapter adapter, Site site) {
        return (Scale) adapter.modules().get(site);
    }

    /** PEFT takes what ends like a name of the list, or is the expression; left out, it is the down projection. */
    @ParameterizedTest
    @ValueSource(strings = {"[\"down_proj\"]", "[\"mlp.down_proj\"]", "[\"n_proj\"]", "\".*down_proj\"", "null"})
    void aDirectoryAsPeftSavesIt(String feedforward) throws IOException {
        Adapter adapter = PeftFormat.read(byHand().write(FIELDS + feedforward), model, 8);
        assertThat(adapter.config()).isEqualTo(new Ia3Config(Set.of(TargetModule.K_PROJ, TargetModule.DOWN_PROJ), ""));
        assertThat(adapter.modules()).containsOnlyKeys(KEYS, DOWN);
        assertThat(scale(adapter, KEYS).side()).isEqualTo(Side.OUTPUT);
        assertThat(scale(adapter, KEYS).factors()).containsExactly(values(outputs));
        assertThat(scale(adapter, DOWN).side()).isEqualTo(Side.INPUT);
        assertThat(scale(adapter, DOWN).factors()).containsExactly(values(inputs));
    }

    @Test
    void whatDoesNotBelongTogetherIsRefused() throws IOException {
        String down = "[\"down_proj\"]";
        refused(byHand().write(FIELDS + "[]"), "down_proj.ia3_l is [1, " + inputs + "], expected [");
        refused(
                byHand().write(FIELDS + "[\"k_proj\",\"down_proj\"]"),
                "k_proj.ia3_l is [" + outputs + ", 1], expected [1");
        refused(byHand().write(FIELDS + "7"), "feedforward_modules is 7, expected a list of module names");
        refused(byHand().write(FIELDS + down + ",\"fan_in_fan_out\":true"), "fan_in_fan_out is true");
        refused(byHand().write(FIELDS + down + ",\"modules_to_save\":[\"lm_head\"]"), "modules_to_save");
        refused(byHand().write(FIELDS + down + ",\"exclude_modules\":[\"k_proj\"]"), "does not target it");
        refused(
                byHand().factors(KEYS, 2).write(FIELDS + down),
                "k_proj.lora_A.weight is not an (IA)^3 factor of a decoder layer's linear");
        refused(
                byHand().write("\"peft_type\":\"LORA\",\"r\":2,\"target_modules\":[\"k_proj\"]"),
                "k_proj.ia3_l is not a LoRA factor of a decoder layer's linear");
        float[] infinite = values(inputs);
        infinite[3] = Float.NaN;
        refused(
                byHand().tensor(DOWN_L, new long[] {1, inputs}, infinite).write(FIELDS + down),
                "has the value NaN at 3");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    /** Also if a module is scaled on one side here and on the other there. */
    @Test
    void anAdapterReadsBackAsItWasWritten() throws IOException {
        Adapter adapter = TinyAdapters.scales(model, 7);
        Map<Site, Change> sides = new TreeMap<>(adapter.modules());
        Site first = new Site(0, TargetModule.O_PROJ);
        int channels = TargetModule.O_PROJ.inputs(model);
        sides.put(first, new Scale(channels, TargetModule.O_PROJ.outputs(model), Side.INPUT, values(channels)));
        for (Adapter written : List.of(adapter, new Adapter(adapter.config(), sides))) {
            PeftFormat.write(directory, written, model);
            assertThat(PeftFormat.read(directory, model, 8))
                    .usingRecursiveComparison()
                    .isEqualTo(written);
        }
    }

    @Test
    void theConfigurationHasPeftsKeys() throws IOException {
        PeftFormat.write(directory, TinyAdapters.scales(model, 7), model);
        JsonNode json = new ObjectMapper()
                .readTree(directory.resolve("adapter_config.json").toFile());
        assertThat(json.fieldNames())
                .toIterable()
                .containsExactly(
                        "auto_mapping",
                        "base_model_name_or_path",
                        "exclude_modules",
                        "fan_in_fan_out",
                        "feedforward_modules",
                        "inference_mode",
                        "init_ia3_weights",
                        "modules_to_save",
                        "peft_type",
                        "revision",
                        "target_modules",
                        "task_type");
        assertThat(json.get("peft_type").asText()).isEqualTo("IA3");
        assertThat(json.get("target_modules").toString()).isEqualTo("[\"k_proj\",\"v_proj\",\"o_proj\",\"down_proj\"]");
        assertThat(json.get("feedforward_modules").toString()).isEqualTo("[\"down_proj\"]");
    }

    @Test
    void mergingAndCompressionRefuseItByName() {
        Refusals.ofMergingAndCompressing(
                TinyAdapters.scales(model, 7),
                directory,
                "is changed by (IA)^3, which is not a product of low-rank factors");
    }
}
