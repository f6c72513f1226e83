package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.Experts;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** PEFT makes a module wherever a written configuration says so, with weights or without: where the adapter has one, and nowhere else. */
class TargetNamesTest {
    /** Of three layers. */
    private final ModelConfig model = TinyModel.of(TinyModel.Variant.QWEN2, 1).config();

    @TempDir
    Path directory;

    /** The first layers alone, as PEFT's files say it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"target_modules\":[\"q_proj\"],\"layers_to_transform\":[0,1],\"layers_pattern\":null",
                "\"target_modules\":[\"q_proj\"],\"layers_to_transform\":[0,1],\"layers_pattern\":\"layers\"",
                "\"target_modules\":\"model\\\\.layers\\\\.[01]\\\\.self_attn\\\\.q_proj\",\"layers_to_transform\":null",
                "\"target_modules\":[\"layers.0.self_attn.q_proj\",\"model.layers.1.self_attn.q_proj\"]",
                "\"target_modules\":[\"q_proj\"],\"exclude_modules\":[\"layers.2.self_attn.q_proj\"]",
            })
    void layersAtTheEndAreLeftOut(String targets) throws IOException {
        Path path = new PeftDirectory(directory, model)
                .factors(site(0), 2)
                .factors(site(1), 2)
                .write("\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4," + targets);
        Adapter adapter = PeftFormat.read(path, model, 8);
        assertThat(adapter.modules()).containsOnlyKeys(site(0), site(1));
        assertThat(texts(written(adapter).path("target_modules")))
                .containsExactly("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj");
    }

    private static Site site(int layer) {
        return new Site(layer, TargetModule.Q_PROJ);
    }

    @Test
    void modulesOfAllLayersHaveTheirLabel() throws IOException {
        Adapter whole = TinyAdapters.random(model, EnumSet.of(TargetModule.V_PROJ, TargetModule.Q_PROJ), 2, 1);
        assertThat(texts(written(whole).path("target_modules"))).containsExactly("q_proj", "v_proj");
        assertThat(texts(written(without(whole, site(2)::equals)).path("target_modules")))
                .containsExactlyInAnyOrder(
                        "v_proj", "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj");
    }

    @Test
    void anyLayersOfAnyForm() throws IOException {
        for (Adapter whole : List.of(
                TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, 1),
                TinyAdapters.dora(model, 4, 2),
                TinyAdapters.scales(model, 3),
                TinyAdapters.singleWeights(model, 4, 4))) {
            for (Set<Integer> left : List.of(Set.of(0), Set.of(1), Set.of(2), Set.of(0, 2), Set.of(1, 2))) {
                written(without(whole, site -> left.contains(site.layer())));
                written(whole.skipping(left));
            }
            written(without(whole, site -> site.layer() == 2 && site.module() == TargetModule.DOWN_PROJ));
        }
    }

    @Test
    void expertsOfAllLayersHaveTheirLabel() throws IOException {
        List<TargetModule> own =
                List.of(TargetModule.EXPERT_GATE_PROJ, TargetModule.EXPERT_UP_PROJ, TargetModule.EXPERT_DOWN_PROJ);
        ModelConfig routed = ModelConfig.llama(2, 32, 4, 2, 8, 44, 61)
                .experts(new Experts(3, 2, true, own))
                .build();
        LoraConfig config = new LoraConfig(2, 4, false, LoraConfig.everyLinear(), "");
        Adapter whole = new LoraMethod(config).start(routed, 1);
        assertThat(texts(written(whole, routed).path("target_modules")))
                .containsExactly("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");
        Site last = new Site(1, TargetModule.EXPERT_UP_PROJ, 2);
        assertThat(texts(written(without(whole, last::equals), routed).path("target_modules")))
                .hasSize(11)
                .contains("gate_proj", "model.layers.1.mlp.experts.1.up_proj")
                .doesNotContain("up_proj");
    }

    /** PEFT refuses a configuration whose feedforward modules are no part of the list of all. */
    @Test
    void aModuleThatIsScaledOnEitherSide() throws IOException {
        Adapter adapter = TinyAdapters.scales(model, 3);
        Map<Site, Change> sides = new TreeMap<>(adapter.modules());
        Site down = new Site(2, TargetModule.DOWN_PROJ);
        int outputs = TargetModule.DOWN_PROJ.outputs(model);
        sides.put(down, new Scale(TargetModule.DOWN_PROJ.inputs(model), outputs, Side.OUTPUT, new float[outputs]));
        JsonNode json = written(new Adapter(adapter.config(), sides));
        assertThat(texts(json.path("feedforward_modules")))
                .containsExactly("model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj");
        assertThat(texts(json.path("target_modules"))).containsAll(texts(json.path("feedforward_modules")));
    }

    private static Adapter without(Adapter whole, Predicate<Site> left) {
        Map<Site, Change> modules = new TreeMap<>(whole.modules());
        modules.keySet().removeIf(left);
        return whole.with(modules);
    }

    /** Writes the adapter, checks what PEFT would make of it and that it reads back; returns the configuration. */
    private JsonNode written(Adapter adapter) throws IOException {
        return written(adapter, model);
    }

    private JsonNode written(Adapter adapter, ModelConfig of) throws IOException {
        Path path = directory.resolve("written");
        PeftFormat.write(path, adapter, of);
        JsonNode json =
                new ObjectMapper().readTree(path.resolve("adapter_config.json").toFile());
        List<String> names = texts(json.path("target_modules"));
        assertThat(json.path("layers_to_transform").isNull()
                        || json.path("layers_to_transform").isMissingNode())
                .isTrue();
        assertThat(Site.all(of).stream().filter(site -> inList(site, names)))
                .as(names.toString())
                .containsExactlyInAnyOrderElementsOf(adapter.modules().keySet());
        assertThat(PeftFormat.read(path, of, 8))
                .usingRecursiveComparison()
                .ignoringFields("config.targets")
                .isEqualTo(adapter);
        return json;
    }

    /** PEFT's rule for a list. */
    private static boolean inList(Site site, List<String> names) {
        return names.contains(site.toString())
                || names.stream().anyMatch(name -> site.toString().endsWith("." + name));
    }

    private static List<String> texts(JsonNode list) {
        List<String> texts = new ArrayList<>();
        list.forEach(text -> texts.add(text.asText()));
        return texts;
    }
}
