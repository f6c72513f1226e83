package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Single weights as PEFT's SHiRA saves them, and beside factors. */
class SingleWeightFilesTest {
    private static final Site SITE = new Site(1, TargetModule.V_PROJ);
    private static final String NAME = "base_model.model.model.layers.1.self_attn.v_proj.shira_";
    private static final String VALUES = NAME + "weight";
    private static final String INDICES = NAME + "indices";
    private static final String SHIRA = "\"peft_type\":\"SHIRA\",\"r\":1,\"mask_type\":\"random\",\"random_seed\":42,"
            + "\"target_modules\":[\"v_proj\"],\"fan_in_fan_out\":false,\"modules_to_save\":null";
    private static final String SPT =
            "\"peft_type\":\"SPT\",\"r\":4,\"lora_alpha\":8,\"target_modules\":[\"q_proj\",\"v_proj\"]";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final int inputs = TargetModule.V_PROJ.inputs(model);
    private final int outputs = TargetModule.V_PROJ.outputs(model);

    @TempDir
    Path directory;

    private PeftDirectory byHand() {
        return new PeftDirectory(directory, model)
                .tensor(VALUES, new long[] {3}, 0.5f, -1, 2)
                .integers(INDICES, new long[] {2, 3}, 0, 2, outputs - 1, 7, 0, inputs - 1);
    }

    private static SingleWeights single(Adapter adapter) {
        return (SingleWeights) adapter.modules().get(SITE);
    }

    @Test
    void aDirectoryAsPeftSavesIt() throws IOException {
        Adapter adapter = PeftFormat.read(byHand().write(SHIRA), model, 8);
        assertThat(adapter.modules()).containsOnlyKeys(SITE);
        assertThat(single(adapter).places()).containsExactly(7, 2 * inputs, outputs * inputs - 1);
        assertThat(single(adapter).values()).containsExactly(0.5f, -1, 2);
        assertThat(single(adapter).coordinates()).containsExactly(7, 0, inputs - 1, 0, 2, outputs - 1);
    }

    /** There PEFT saves indices as floats; their order means nothing. */
    @Test
    void aDirectoryAsPeftSavesItOnWindows() throws IOException {
        PeftDirectory files = byHand().tensor(INDICES, new long[] {2, 3}, 2, 0, 1, 0, 7, 3);
        Adapter adapter = PeftFormat.read(files.write(SHIRA), model, 8);
        assertThat(single(adapter).places()).containsExactly(7, inputs + 3, 2 * inputs);
        assertThat(single(adapter).values()).containsExactly(-1, 2, 0.5f);
    }

    @Test
    void besideAHeadInFull() throws IOException {
        PeftDirectory files =
                byHand().tensor("base_model.model.lm_head.weight", new long[] {model.vocab(), model.hidden()});
        String fields = SHIRA.replace("\"modules_to_save\":null", "\"modules_to_save\":[\"lm_head\"]");
        Adapter adapter = PeftFormat.read(files.write(fields), model, 8);
        assertThat(adapter.full()).containsOnlyKeys(FullModule.LM_HEAD);
        PeftFormat.write(directory.resolve("again"), adapter, model);
        Adapter again = PeftFormat.read(directory.resolve("again"), model, 8);
        assertThat(again.full()).containsOnlyKeys(FullModule.LM_HEAD);
        assertThat(single(again).places()).isEqualTo(single(adapter).places());
    }

    @Test
    void besideFactors() throws IOException {
        Site factors = new Site(0, TargetModule.Q_PROJ);
        Adapter adapter = PeftFormat.read(byHand().factors(factors, 4).write(SPT), model, 8);
        assertThat(adapter.modules()).containsOnlyKeys(SITE, factors);
        assertThat(adapter.modules().get(factors)).isInstanceOf(LowRank.class);
        assertThat(adapter.config())
                .isEqualTo(new LoraConfig(4, 8, false, Set.of(TargetModule.Q_PROJ, TargetModule.V_PROJ), ""));
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        refused(byHand().write(SPT.replace("SPT", "LORA")), "is not a LoRA factor of a decoder layer's linear");
        refused(byHand().factors(new Site(0, TargetModule.V_PROJ), 4).write(SHIRA), "v_proj.lora_A.weight is not");
        refused(byHand().factors(SITE, 4).write(SPT), "has single weights and factors, expected one of them");
        refused(byHand().without(VALUES).write(SHIRA), "has only one of shira_weight and shira_indices");
        refused(byHand().without(INDICES).write(SHIRA), "has only one of shira_weight and shira_indices");
        refused(byHand().write(SHIRA.replace("v_proj", "q_proj")), "does not target it");
        indices("shira_indices is [3, 2], expected [2, 3]", new long[] {3, 2}, 0, 1, 2, 0, 1, 2);
        indices("has -1, 0, expected indices of [", new long[] {2, 3}, 0, -1, 2, 0, 0, 0);
        indices("has " + outputs + ", 0, expected", new long[] {2, 3}, 0, outputs, 2, 0, 0, 0);
        indices("has 1, " + inputs + ", expected", new long[] {2, 3}, 0, 1, 2, 0, inputs, 0);
        indices("has 1, 5 twice", new long[] {2, 3}, 1, 0, 1, 5, 0, 5);
        refused(byHand().tensor(INDICES, new long[] {2, 3}, 0, 0.5f, 1, 0, 0, 0).write(SHIRA), "has -1, 0, expected");
        refused(
                byHand().tensor(VALUES, new long[] {3}, 1, Float.NaN, 1).write(SHIRA),
                "v_proj.shira_weight has the value NaN at 1");
        refused(
                byHand().tensor(VALUES, new long[] {3, 1}, 1, 2, 3).write(SHIRA),
                "shira_weight is [3, 1], expected 1 to");
        int many = 8 * (inputs + outputs) + 1;
        refused(
                byHand().tensor(VALUES, new long[] {many})
                        .integers(INDICES, new long[] {2, many}, new int[2 * many])
                        .write(SHIRA),
                "shira_weight is [" + many + "], expected 1 to " + (many - 1) + " numbers");
        refused(byHand().integers(VALUES, new long[] {3}, 1, 2, 3).write(SHIRA), "shira_weight is I32");
    }

    private void indices(String why, long[] shape, int... values) throws IOException {
        refused(byHand().integers(INDICES, shape, values).write(SHIRA), why);
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    @Test
    void adaptersReadBackAsTheyWereWritten() throws IOException {
        Adapter mixed = TinyAdapters.singleWeights(model, 5, 7);
        Map<Site, Change> only = new TreeMap<>(mixed.modules());
        only.values().removeIf(LowRank.class::isInstance);
        Path other = directory.resolve("other");
        for (Adapter adapter : new Adapter[] {mixed, new Adapter(mixed.config(), only)}) {
            Path path = adapter == mixed ? directory : other;
            PeftFormat.write(path, adapter, model);
            assertThat(PeftFormat.read(path, model, 8).modules())
                    .usingRecursiveComparison()
                    .isEqualTo(adapter.modules());
        }
        assertThat(json(directory).get("peft_type").asText()).isEqualTo("SPT");
        assertThat(json(directory).get("rank_pattern")).isNotEmpty();
        assertThat(json(other).get("peft_type").asText()).isEqualTo("SHIRA");
        assertThat(json(other).get("r").asInt()).isEqualTo(5);
        // What a crash leaves of a file is refused too.
        Path file = other.resolve("adapter_model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 3));
        refused(other, "adapter_model.safetensors");
    }

    private static JsonNode json(Path path) throws IOException {
        return new ObjectMapper().readTree(path.resolve("adapter_config.json").toFile());
    }

    @Test
    void otherFormsDoNotStandBeside() {
        Map<Site, Change> mixed =
                new TreeMap<>(TinyAdapters.singleWeights(model, 5, 7).modules());
        LoraConfig config = new LoraConfig(5, 4, true, LoraConfig.allLinears(), "");
        mixed.putAll(Map.of(SITE, TinyAdapters.dora(model, 3, 1).modules().get(SITE)));
        assertThatThrownBy(() -> PeftFormat.write(directory, new Adapter(config, mixed), model))
                .hasMessageContaining("an adapter cannot be saved that has DoRA beside single weights");
        Map<Site, Change> only = Map.of(SITE, new SingleWeights(inputs, outputs, new int[] {3}, new float[] {1}));
        assertThatThrownBy(() -> PeftFormat.write(directory, new Adapter(new Ia3Config(Set.of(), ""), only), model))
                .hasMessageContaining("configuration of another method");
    }

    @Test
    void placesAscendWithinTheWeight() {
        for (int[] places : new int[][] {{3, 3}, {4, 3}, {-1, 3}, {0, inputs * outputs}, {1}, {}}) {
            float[] values = new float[places.length == 1 ? 2 : places.length];
            assertThatThrownBy(() -> new SingleWeights(inputs, outputs, places, values))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("single weights");
        }
    }

    @Test
    void mergingAndCompressionRefuseThemByName() {
        Refusals.ofMergingAndCompressing(
                TinyAdapters.singleWeights(model, 5, 7),
                directory,
                "is changed by single weights, which is not a product of low-rank factors");
    }
}
