package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bottlenecks in the layout of the library adapters. */
class BottleneckFilesTest {
    private static final String DOWN = "adapter_down.0.weight";
    private static final String DOWN_BIAS = "adapter_down.0.bias";
    private static final String UP = "adapter_up.weight";
    private static final String UP_BIAS = "adapter_up.bias";
    private static final String ATTENTION = "model.layers.0.attention_adapters.adapters.tone.";

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();
    private final int hidden = model.hidden();
    private final int width = hidden / 16;

    @TempDir
    Path directory;

    /** As {@code model.save_adapter(path, "tone", use_safetensors=True)} writes what {@code DoubleSeqBnConfig()} makes. */
    private String fields(String more) {
        return "\"config\":{\"adapter_residual_before_ln\":false,\"cross_adapter\":false,\"dropout\":0.0,"
                + "\"init_weights\":\"bert\",\"inv_adapter\":null,\"leave_out\":[],\"ln_after\":false,\"ln_before\":false,"
                + "\"mh_adapter\":true,\"original_ln_after\":true,\"original_ln_before\":false,\"output_adapter\":true,"
                + "\"phm_layer\":false,\"residual_before_ln\":true,\"use_gating\":false,"
                + (more.contains("non_lin") ? "" : "\"non_linearity\":\"swish\",")
                + (more.contains("is_par") ? "" : "\"is_parallel\":false,")
                + (more.contains("reduction") ? "" : "\"reduction_factor\":16,")
                + (more.contains("scaling") ? more : more + (more.isEmpty() ? "" : ",") + "\"scaling\":1.0")
                + "},\"hidden_size\":" + hidden
                + ",\"model_class\":\"LlamaAdapterModel\",\"model_name\":\"base\",\"model_type\":\"llama\",\"name\":\"tone\","
                + "\"version\":\"adapters.1.2.0\"";
    }

    private PeftDirectory byHand() {
        PeftDirectory files = new PeftDirectory(directory, model);
        for (int layer = 0; layer < model.layers(); layer++) {
            for (String block : List.of("attention", "output")) {
                String name = "model.layers." + layer + "." + block + "_adapters.adapters.tone.";
                files.tensor(name + DOWN, new long[] {width, hidden}, values(width * hidden, layer));
                files.tensor(name + DOWN_BIAS, new long[] {width}, values(width, 2));
                files.tensor(name + UP, new long[] {hidden, width}, values(width * hidden, -1));
                files.tensor(name + UP_BIAS, new long[] {hidden}, values(hidden, 3));
            }
        }
        return files;
    }

    private static float[] values(int length, float first) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = first + i / 8f;
        }
        return values;
    }

    @Test
    void aDirectoryAsTheLibrarySavesIt() throws IOException {
        Adapter adapter = PeftFormat.read(byHand().write(fields("")), model, 8);
        Kind kind = new Kind(Input.OUTPUT, Function.SILU, 1);
        assertThat(adapter.config()).isEqualTo(new BottleneckConfig(width, kind, BottleneckConfig.blocks(), "base"));
        assertThat(adapter.modules()).containsOnlyKeys(Site.blocks(model));
        Bottleneck own = (Bottleneck) adapter.modules().get(new Site(1, TargetModule.MLP));
        assertThat(own.kind()).isEqualTo(kind);
        assertThat(own.down()).containsExactly(values(width * hidden, 1));
        assertThat(own.downBias()).containsExactly(values(width, 2));
        assertThat(own.up()).containsExactly(values(width * hidden, -1));
        assertThat(own.upBias()).containsExactly(values(hidden, 3));
    }

    @ParameterizedTest
    @CsvSource({
        "relu, RELU",
        "swish, SILU",
        "silu, SILU",
        "gelu, GELU",
        "gelu_new, GELU_TANH",
        "gelu_pytorch_tanh, GELU_TANH"
    })
    void functionsHaveTheLibrarysNames(String name, Function function) throws IOException {
        Adapter adapter = PeftFormat.read(byHand().write(fields("\"non_linearity\":\"" + name + "\"")), model, 8);
        assertThat(kind(adapter).function()).isEqualTo(function);
    }

    /** Of the library's three ways of placing a bottleneck. */
    @Test
    void whatItReadsFollowsFromTheConfiguration() throws IOException {
        Adapter parallel = PeftFormat.read(byHand().write(fields("\"is_parallel\":true,\"scaling\":4")), model, 8);
        assertThat(kind(parallel)).isEqualTo(new Kind(Input.STREAM, Function.SILU, 4));
        String sum = fields("").replace("original_ln_before\":false", "original_ln_before\":true");
        assertThat(kind(PeftFormat.read(byHand().write(sum), model, 8)).input()).isEqualTo(Input.SUM);
        ModelConfig other = TinyModel.of(TinyModel.Variant.QWEN3, 1).config();
        assertThat(other.hidden()).isEqualTo(hidden);
        assertThatThrownBy(() -> PeftFormat.read(byHand().write(sum), other, 8))
                .hasMessageContaining("config.original_ln_before is true, expected false with Qwen3ForCausalLM");
    }

    private static Kind kind(Adapter adapter) {
        return ((BottleneckConfig) adapter.config()).kind();
    }

    /** Keys of a base model's class have no model in front. */
    @Test
    void aBlockOrALayerMayBeLeftOut() throws IOException {
        PeftDirectory files = new PeftDirectory(directory, model);
        String name = "layers.0.output_adapters.adapters.tone.";
        files.tensor(name + DOWN, new long[] {2, hidden});
        files.tensor(name + DOWN_BIAS, new long[] {2});
        files.tensor(name + UP, new long[] {hidden, 2});
        files.tensor(name + UP_BIAS, new long[] {hidden});
        String fields = fields("\"reduction_factor\":{\"0\":" + hidden / 2 + ",\"default\":3}")
                .replace("mh_adapter\":true", "mh_adapter\":false")
                .replace("leave_out\":[]", "leave_out\":[1,7]");
        Adapter adapter = PeftFormat.read(files.write(fields), model, 8);
        assertThat(adapter.modules()).containsOnlyKeys(new Site(0, TargetModule.MLP));
        BottleneckConfig config = (BottleneckConfig) adapter.config();
        assertThat(config.without()).containsExactlyInAnyOrder(1, 7);
        assertThat(config.width()).isEqualTo(2);
        PeftFormat.write(directory, adapter, model);
        assertThat(PeftFormat.read(directory, model, 8))
                .usingRecursiveComparison()
                .isEqualTo(adapter);
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        PeftDirectory right = byHand();
        String last = ATTENTION + UP_BIAS;
        refused(
                byHand().without(last).write(fields("")),
                "0.attention_adapters.adapters.tandem.adapter_up.bias is missing");
        refused(
                byHand().tensor(last, new long[] {7}).write(fields("")),
                last + " is [7] of F32, expected [" + hidden + "]");
        refused(
                right.write(fields("\"reduction_factor\":8")),
                "is [" + width + ", " + hidden + "] of F32, expected [" + hidden / 8);
        refused(right.write(fields("\"reduction_factor\":0.5")), "of width " + 2 * hidden + ", at most 8 are possible");
        refused(right.write(fields("\"reduction_factor\":0")), "config.reduction_factor is 0");
        refused(right.write(fields("\"reduction_factor\":{\"0\":16}")), "config.reduction_factor.default is absent");
        refused(right.write(fields("").replace("leave_out\":[]", "leave_out\":[0]")), "of a block that");
        refused(right.write(fields("").replace("leave_out\":[]", "leave_out\":[0,1]")), "of a block that");
        refused(right.write(fields("").replace("leave_out\":[]", "leave_out\":3")), "leave_out is 3, expected a list");
        refused(right.write(fields("").replace("leave_out\":[]", "leave_out\":[-1]")), "leave_out is [-1]");
        refused(right.write(fields("").replace("\"name\":\"tone\"", "\"name\":\"other\"")), "are of other and tone");
        refused(right.write(fields("").replace(":" + hidden + ",\"model_c", ":7,\"model_c")), "hidden_size is 7");
        refused(
                byHand().tensor(ATTENTION.substring(6) + UP, new long[] {1}).write(fields("")),
                "is not the adapter's only one");
        refused(
                byHand().tensor("x".repeat(5000), new long[] {1}).write(fields("")),
                "x".repeat(200) + "… is not of a b");
        refused(
                byHand().tensor("model.layers.9.output_adapters.adapters.tone." + UP, new long[] {1})
                        .write(fields("")),
                "or not of the model");
        float[] infinite = values(hidden, 0);
        infinite[5] = Float.NaN;
        refused(
                byHand().tensor(last, new long[] {hidden}, infinite).write(fields("")),
                last + " has the value NaN at 5");
        new PeftDirectory(directory, model).write(fields("").replace("leave_out\":[]", "leave_out\":[0,1]"));
        refused(directory, "config.leave_out is [0,1]");
    }

    /** What would compute something else. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"ln_before\":false|\"ln_before\":true",
                "\"ln_after\":false|\"ln_after\":true",
                "\"phm_layer\":false|\"phm_layer\":true",
                "\"use_gating\":false|\"use_gating\":true",
                "\"original_ln_after\":true|\"original_ln_after\":false",
                "\"inv_adapter\":null|\"inv_adapter\":\"nice\"",
                "\"scaling\":1.0|\"scaling\":\"learned\"",
                "\"non_linearity\":\"swish\"|\"non_linearity\":\"leakyrelu\"",
                "\"mh_adapter\":true|\"architecture\":\"lora\",\"mh_adapter\":true",
            })
    void variantsAreRefused(String replacement) throws IOException {
        String[] parts = replacement.split("\\|");
        String key = parts[1].substring(1, parts[1].indexOf('"', 1));
        refused(byHand().write(fields("").replace(parts[0], parts[1])), "config." + key + " is ");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }

    @ParameterizedTest
    @EnumSource(Input.class)
    void anAdapterReadsBackAsItWasWritten(Input input) throws IOException {
        Adapter adapter = TinyAdapters.bottlenecks(model, new Kind(input, Function.GELU_TANH, 0.3), 5, 7);
        PeftFormat.write(directory, adapter, model);
        assertThat(PeftFormat.read(directory, model, 8))
                .usingRecursiveComparison()
                .isEqualTo(adapter);
    }

    /** The library reads a factor and divides; what it gets is the width that was saved. */
    @Test
    void everyWidthHasAFactor() {
        for (int channels : new int[] {hidden, 576, 4096}) {
            for (int own = 1; own <= Math.min(channels, 600); own++) {
                Map<Site, Change> modules = new HashMap<>();
                float[] factor = new float[own * channels];
                Kind kind = new Kind(Input.OUTPUT, Function.RELU, 1);
                modules.put(
                        new Site(0, TargetModule.MLP),
                        new Bottleneck(own, channels, kind, factor, new float[own], new float[channels], factor));
                BottleneckConfig config = new BottleneckConfig(own, kind, Set.of(TargetModule.MLP), "");
                Adapter adapter = new Adapter(config, modules);
                Map<?, ?> fields = (Map<?, ?>)
                        BottleneckFiles.fields(config, adapter.modules()).get("config");
                double written = (double) fields.get("reduction_factor");
                assertThat(BottleneckFiles.width(channels, written)).isEqualTo(own);
            }
        }
    }

    @Test
    void theFileHasTheLibrarysKeys() throws IOException {
        Kind kind = new Kind(Input.STREAM, Function.SILU, 4);
        PeftFormat.write(directory, TinyAdapters.bottlenecks(model, kind, 1, 7), model);
        JsonNode json = new ObjectMapper()
                .readTree(directory.resolve("adapter_config.json").toFile());
        assertThat(json.fieldNames())
                .toIterable()
                .containsExactly("config", "hidden_size", "model_class", "model_name", "model_type", "name", "version");
        assertThat(json.at("/config/non_linearity").asText()).isEqualTo("swish");
        assertThat(json.at("/config/is_parallel").asBoolean()).isTrue();
        // The library takes no whole number for a float.
        assertThat(Files.readString(directory.resolve("adapter_config.json"))).contains("\"scaling\" : 4.0");
    }

    @Test
    void itIsNotMergedOrCompressed() {
        Adapter adapter = TinyAdapters.bottlenecks(model, new Kind(Input.OUTPUT, Function.RELU, 1), 3, 1);
        Refusals.ofMergingAndCompressing(
                adapter,
                directory,
                "model.layers.0.self_attn.attention_output is changed by a bottleneck, which is not a product");
    }

    @Test
    void whatTheLayoutHasNoPlaceForIsNotWritten() {
        Adapter bottlenecks = TinyAdapters.bottlenecks(model, new Kind(Input.OUTPUT, Function.RELU, 1), 3, 1);
        Adapter factors = TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 4, 1);
        Map<Site, Change> both = new HashMap<>(factors.modules());
        both.putAll(bottlenecks.modules());
        Map<Site, Change> widths = new HashMap<>(bottlenecks.modules());
        Adapter wider = TinyAdapters.bottlenecks(model, new Kind(Input.OUTPUT, Function.RELU, 1), 4, 1);
        Site first = new Site(0, TargetModule.ATTENTION);
        widths.put(first, wider.modules().get(first));
        for (Adapter other : List.of(
                new Adapter(bottlenecks.config(), both),
                new Adapter(bottlenecks.config(), factors.modules()),
                new Adapter(factors.config(), bottlenecks.modules()),
                new Adapter(bottlenecks.config(), widths))) {
            assertThatThrownBy(() -> PeftFormat.write(directory.resolve("no"), other, model))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("an adapter cannot be saved");
        }
    }
}
