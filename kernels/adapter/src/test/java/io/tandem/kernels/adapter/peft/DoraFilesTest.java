package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** DoRA in PEFT's layout. */
class DoraFilesTest {
    private static final String FIELDS =
            "\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"q_proj\"],\"use_dora\":";
    private static final Site SITE = new Site(0, TargetModule.Q_PROJ);
    private static final String VECTOR = "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.QWEN3, 1).config();
    private final int outputs = TargetModule.Q_PROJ.outputs(model);

    @TempDir
    Path directory;

    private PeftDirectory byHand(long... shape) {
        return new PeftDirectory(directory, model).factors(SITE, 2).tensor(VECTOR, shape, values((int) shape[0]));
    }

    private static float[] values(int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = 1 + i / 8f;
        }
        return values;
    }

    @Test
    void aDirectoryAsPeftSavesIt() throws IOException {
        Adapter adapter = PeftFormat.read(byHand(outputs).write(FIELDS + "true"), model, 8);
        assertThat(adapter.modules().get(SITE)).isInstanceOfSatisfying(Dora.class, dora -> {
            assertThat(dora.magnitude().orElseThrow()).containsExactly(values(outputs));
            assertThat(dora.direction().scaling()).isEqualTo(2);
            assertThat(dora.direction().b()).containsOnly(0.5f);
        });
    }

    @Test
    void whatDoesNotBelongTogetherIsRefused() throws IOException {
        refused(byHand(outputs).write(FIELDS + "false"), "has magnitudes, but use_dora is not true");
        refused(byHand(outputs - 1).write(FIELDS + "true"), "q_proj.lora_magnitude_vector is [" + (outputs - 1) + "]");
        refused(byHand(outputs).without(VECTOR).write(FIELDS + "true"), "q_proj.lora_magnitude_vector is missing");
        float[] infinite = values(outputs);
        infinite[3] = Float.POSITIVE_INFINITY;
        PeftDirectory spoiled = byHand(outputs).tensor(VECTOR, new long[] {outputs}, infinite);
        refused(spoiled.write(FIELDS + "true"), "has the value Infinity at 3");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    @Test
    void anAdapterReadsBackAsItWasWritten() throws IOException {
        Adapter adapter = TinyAdapters.dora(model, 5, 7);
        PeftFormat.write(directory, adapter, model);
        Adapter back = PeftFormat.read(directory, model, 8);
        assertThat(back.modules().keySet()).isEqualTo(adapter.modules().keySet());
        adapter.modules().forEach((site, change) -> {
            List<Parameter> found = back.modules().get(site).parameters();
            for (int p = 0; p < found.size(); p++) {
                assertThat(found.get(p).values())
                        .containsExactly(change.parameters().get(p).values());
            }
        });
    }

    @Test
    void whatPeftHasNoPlaceForIsNotWritten() {
        Adapter adapter = TinyAdapters.dora(model, 5, 7);
        Map<Site, Change> mixed = new TreeMap<>(adapter.modules());
        mixed.put(SITE, mixed.get(SITE).lowRank().orElseThrow());
        Map<Site, Change> fresh = new TreeMap<>(adapter.modules());
        fresh.put(SITE, Dora.fresh(fresh.get(SITE).lowRank().orElseThrow()));
        for (Adapter other : List.of(
                new Adapter(adapter.config(), mixed),
                new Adapter(adapter.config(), fresh),
                new Adapter(adapter.config(), TinyAdapters.scales(model, 1).modules()))) {
            assertThatThrownBy(() -> PeftFormat.write(directory, other, model))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("an adapter cannot be saved that has");
        }
    }

    /** The magnitudes are no product of factors. */
    @Test
    void mergingAndCompressionRefuseItByName() {
        Refusals.ofMergingAndCompressing(
                TinyAdapters.dora(model, 5, 7),
                directory,
                "is changed by DoRA, which is not a product of low-rank factors");
    }
}
