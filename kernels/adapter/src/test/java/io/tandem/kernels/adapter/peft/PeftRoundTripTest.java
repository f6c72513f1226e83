package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.merge.LayerSwap;
import io.tandem.kernels.adapter.merge.Merge;
import io.tandem.kernels.adapter.merge.MergeMethod;
import io.tandem.kernels.adapter.merge.MergeSpec;
import io.tandem.kernels.adapter.merge.Truncation;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import io.tandem.kernels.weights.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PeftRoundTripTest {
    private final ModelConfig model = TinyModel.of(TinyModel.Variant.QWEN3, 1).config();

    @TempDir
    Path directory;

    @Test
    void anAdapterReadsBackAsItWasWritten() throws IOException {
        assertRoundTrip(TinyAdapters.random(model, LoraConfig.allLinears(), 4, 1));
        assertRoundTrip(TinyAdapters.random(model, EnumSet.of(TargetModule.V_PROJ, TargetModule.DOWN_PROJ), 3, 2));
    }

    @Test
    void ranksThatDifferByModuleReadBack() throws IOException {
        for (long seed = 0; seed < 20; seed++) {
            assertRoundTrip(TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 7, seed));
        }
    }

    @Test
    void modulesThatDifferByLayerReadBack() throws IOException {
        Map<Site, LowRank> modules = new TreeMap<>(
                TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 5, 3).factors());
        modules.remove(new Site(0, TargetModule.K_PROJ));
        modules.remove(new Site(1, TargetModule.UP_PROJ));
        assertRoundTrip(new Adapter(new LoraConfig(5, 4, true, LoraConfig.allLinears(), "org/base"), modules));
    }

    @Test
    void scalingsOfTheirOwnReadBack() throws IOException {
        Map<Site, LowRank> modules = new TreeMap<>();
        double[] scaling = {0.1};
        TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 6, 4).factors().forEach((site, f) -> {
            modules.put(site, new LowRank(f.rank(), f.inputs(), f.outputs(), f.a(), f.b(), scaling[0]));
            scaling[0] *= 1.37;
        });
        for (boolean rankStabilized : new boolean[] {true, false}) {
            LoraConfig config = new LoraConfig(6, 16, rankStabilized, LoraConfig.allLinears(), "");
            assertRoundTrip(new Adapter(config, modules));
        }
    }

    @Test
    void mergedAdaptersReadBack() throws IOException {
        Adapter first = TinyAdapters.random(model, LoraConfig.allLinears(), 3, 8);
        Adapter second = TinyAdapters.mixedRanks(model, EnumSet.of(TargetModule.Q_PROJ, TargetModule.UP_PROJ), 4, 9);
        for (MergeSpec spec : List.of(
                MergeSpec.of(MergeMethod.LINEAR),
                MergeSpec.of(MergeMethod.SVD).withWeights(List.of(0.3, -1.7)),
                MergeSpec.of(MergeMethod.TIES, 0.4),
                MergeSpec.of(MergeMethod.PCB, 0.4).withTruncation(Truncation.toError(0.5)),
                MergeSpec.of(new LayerSwap(2, 1, 0, 0, 0)).withWeights(List.of(0.37, 1.0)))) {
            assertRoundTrip(Merge.of(spec).apply(List.of(first, second)).adapter());
        }
    }

    @Test
    void theFilesHaveTheKeysThatPeftWrites() throws IOException {
        PeftFormat.write(directory, TinyAdapters.random(model, EnumSet.of(TargetModule.Q_PROJ), 4, 5), model);
        JsonNode json = JsonMapper.builder()
                .build()
                .readTree(directory.resolve("adapter_config.json").toFile());
        List<String> keys = new ArrayList<>();
        json.fieldNames().forEachRemaining(keys::add);
        assertThat(keys)
                .containsExactly(
                        "alpha_pattern",
                        "auto_mapping",
                        "base_model_name_or_path",
                        "bias",
                        "corda_config",
                        "eva_config",
                        "exclude_modules",
                        "fan_in_fan_out",
                        "inference_mode",
                        "init_lora_weights",
                        "layer_replication",
                        "layers_pattern",
                        "layers_to_transform",
                        "loftq_config",
                        "lora_alpha",
                        "lora_bias",
                        "lora_dropout",
                        "megatron_config",
                        "megatron_core",
                        "modules_to_save",
                        "peft_type",
                        "qalora_group_size",
                        "r",
                        "rank_pattern",
                        "revision",
                        "target_modules",
                        "target_parameters",
                        "task_type",
                        "trainable_token_indices",
                        "use_dora",
                        "use_qalora",
                        "use_rslora");
        assertThat(json.get("r").toString()).isEqualTo("4");
        assertThat(json.get("lora_alpha").toString()).isEqualTo("8");
        assertThat(json.get("target_modules").toString()).isEqualTo("[\"q_proj\"]");
        assertThat(json.get("rank_pattern").toString()).isEqualTo("{}");
        assertThat(json.get("alpha_pattern").toString()).isEqualTo("{}");
        assertThat(json.get("base_model_name_or_path").isNull()).isTrue();
        SafetensorsFile file = SafetensorsFile.open(directory.resolve("adapter_model.safetensors"));
        assertThat(file.names())
                .containsExactly(
                        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
                        "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight",
                        "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight");
        assertThat(file.entry("base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight")
                        .shape())
                .containsExactly(64, 4);
        try (var files = Files.list(directory)) {
            assertThat(files.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder("adapter_config.json", "adapter_model.safetensors");
        }
    }

    @Test
    void halfAReplacementDoesNotLoad() throws IOException {
        PeftFormat.write(directory, TinyAdapters.random(model, EnumSet.of(TargetModule.Q_PROJ), 4, 6), model);
        // A crash while the weights are replaced: the writer has taken the configuration away before.
        Files.delete(directory.resolve("adapter_config.json"));
        assertThatThrownBy(() -> PeftFormat.read(directory, model, 8))
                .hasMessageContaining("adapter_config.json: no such file");
        Adapter second = TinyAdapters.random(model, EnumSet.of(TargetModule.V_PROJ), 2, 7);
        PeftFormat.write(directory, second, model);
        assertSame(second, PeftFormat.read(directory, model, 8));
    }

    @Test
    void anAdapterWithoutModulesIsNotWritten() {
        Adapter empty = new Adapter(new LoraConfig(1, 1, false, LoraConfig.allLinears(), ""), Map.of());
        assertThatThrownBy(() -> PeftFormat.write(directory, empty, model))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private void assertRoundTrip(Adapter adapter) throws IOException {
        PeftFormat.write(directory, adapter, model);
        assertSame(adapter, PeftFormat.read(directory, model, 8));
    }

    private static void assertSame(Adapter expected, Adapter actual) {
        assertThat(actual.config().rank()).isEqualTo(expected.config().rank());
        assertThat(actual.lora().alpha()).isEqualTo(expected.lora().alpha());
        assertThat(actual.lora().rankStabilized()).isEqualTo(expected.lora().rankStabilized());
        assertThat(actual.config().targets()).isEqualTo(expected.config().targets());
        assertThat(actual.config().baseModel()).isEqualTo(expected.config().baseModel());
        assertThat(actual.factors().keySet()).isEqualTo(expected.factors().keySet());
        expected.factors().forEach((site, factors) -> {
            LowRank found = actual.factors().get(site);
            assertThat(found.rank()).as(site + " rank").isEqualTo(factors.rank());
            Tolerances.EXACT.check(site + " A", factors.a(), found.a());
            Tolerances.EXACT.check(site + " B", factors.b(), found.b());
            Tolerances.FLOAT64.check(
                    site + " scaling", new double[] {factors.scaling()}, new double[] {found.scaling()});
        });
    }
}
