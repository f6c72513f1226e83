package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.compeft.CompeftFormat;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.adapter.merge.Merge;
import io.tandem.kernels.adapter.merge.MergeMethod;
import io.tandem.kernels.adapter.merge.MergeSpec;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** AdaLoRA as PEFT saves it: without the ranks that its masks leave out, and without {@code .weight} in names. */
class AdaLoraFilesTest {
    private static final Site WHOLE = new Site(0, TargetModule.Q_PROJ);
    private static final Site MASKED = new Site(1, TargetModule.Q_PROJ);
    private static final Site NONE = new Site(1, TargetModule.V_PROJ);
    private static final String MASKS =
            "\"model.layers.1.self_attn.q_proj.lora_E\":[false,true,false],\"model.layers.1.self_attn.v_proj.lora_E\":[false,false,false]";
    private static final double SCALING = 6 / (3 + 1e-5);

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final ModelConfig model = TinyModel.of(TinyModel.Variant.QWEN3, 1).config();

    @TempDir
    Path directory;

    private static String fields(String masks) {
        return "\"peft_type\":\"ADALORA\",\"init_r\":3,\"r\":8,\"target_r\":1,\"lora_alpha\":6,\"use_rslora\":true,"
                + "\"total_step\":100,\"target_modules\":[\"q_proj\",\"v_proj\"],\"rank_pattern\":" + masks;
    }

    private PeftDirectory byHand() {
        PeftDirectory files = new PeftDirectory(directory.resolve("adalora"), model);
        module(files, WHOLE, 3);
        module(files, MASKED, 1);
        module(files, NONE, 0);
        return files;
    }

    private void module(PeftDirectory files, Site site, int rank) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        files.tensor(name(site, "lora_A"), new long[] {rank, inputs}, numbers(rank * inputs))
                .tensor(name(site, "lora_B"), new long[] {outputs, rank}, numbers(outputs * rank))
                .tensor(name(site, "lora_E"), new long[] {rank, 1}, numbers(rank));
    }

    private static String name(Site site, String parameter) {
        return "base_model.model." + site + "." + parameter;
    }

    private float[] numbers(int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** The change is B (A * E) times alpha over the rank before masking. */
    @Test
    void aDirectoryAsPeftSavesIt() throws IOException {
        PeftDirectory files = new PeftDirectory(directory.resolve("adalora"), model);
        int inputs = TargetModule.Q_PROJ.inputs(model);
        int outputs = TargetModule.Q_PROJ.outputs(model);
        float[] a = numbers(3 * inputs);
        float[] b = numbers(outputs * 3);
        float[] e = numbers(3);
        files.tensor(name(WHOLE, "lora_A"), new long[] {3, inputs}, a)
                .tensor(name(WHOLE, "lora_B"), new long[] {outputs, 3}, b)
                .tensor(name(WHOLE, "lora_E"), new long[] {3, 1}, e);
        LowRank read =
                PeftFormat.read(files.write(fields("null")), model, 8).factors().get(WHOLE);
        for (int row = 0; row < outputs; row++) {
            for (int column = 0; column < inputs; column++) {
                double expected = 0;
                double found = 0;
                for (int rank = 0; rank < 3; rank++) {
                    expected += (double) b[row * 3 + rank] * e[rank] * a[rank * inputs + column];
                    found += (double) read.b()[row * 3 + rank] * read.a()[rank * inputs + column];
                }
                assertThat(read.scaling() * found).isCloseTo(SCALING * expected, Offset.offset(1e-5));
            }
        }
    }

    @Test
    void masksSayHowManyRanksAModuleHas() throws IOException {
        Adapter adapter = PeftFormat.read(byHand().write(fields("{" + MASKS + "}")), model, 8);
        assertThat(adapter.modules()).containsOnlyKeys(WHOLE, MASKED);
        assertThat(adapter.factors().get(WHOLE).rank()).isEqualTo(3);
        assertThat(adapter.factors().get(MASKED).rank()).isEqualTo(1);
        assertThat(adapter.factors().values())
                .extracting(LowRank::scaling)
                .allSatisfy(scaling -> assertThat(scaling).isCloseTo(SCALING, Percentage.withPercentage(1e-10)));
        String older = MASKS.replace("lora_E\"", "lora_E.default\"");
        assertThat(PeftFormat.read(directory.resolve("adalora"), model, 8))
                .usingRecursiveComparison()
                .isEqualTo(PeftFormat.read(byHandAgain(older), model, 8));
    }

    private Path byHandAgain(String masks) throws IOException {
        Path config = directory.resolve("adalora/adapter_config.json");
        Files.writeString(config, "{" + fields("{" + masks + "}") + "}");
        return directory.resolve("adalora");
    }

    /** From then on it is LoRA. */
    @Test
    void itIsExportedMergedAndCompressedAsLora() throws IOException {
        Adapter adapter = PeftFormat.read(byHand().write(fields("{" + MASKS + "}")), model, 8);
        PeftFormat.write(directory.resolve("lora"), adapter, model);
        assertThat(PeftFormat.read(directory.resolve("lora"), model, 8))
                .usingRecursiveComparison()
                .isEqualTo(adapter);
        Adapter merged = Merge.of(MergeSpec.of(MergeMethod.LINEAR))
                .apply(List.of(adapter, adapter))
                .adapter();
        assertThat(merged.modules().keySet()).isEqualTo(adapter.modules().keySet());
        Path small = directory.resolve("a.compeft");
        CompeftFormat.write(small, adapter, CompressionSettings.of(0.1));
        assertThat(CompeftFormat.read(small, model, 8).modules().keySet())
                .isEqualTo(adapter.modules().keySet());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"model.layers.1.self_attn.q_proj.lora_E\":[true,true]} | a list of init_r (3) times true or false",
                "{\"model.layers.1.self_attn.q_proj.lora_E\":[1,0,0]} | a list of init_r (3) times true or false",
                "{\"model.layers.1.self_attn.q_proj.lora_E\":null} | a list of init_r (3) times true or false",
                "{\"model.layers.1.self_attn.q_proj.lora_E\":{\"a\":true,\"b\":true,\"c\":true}} | times true or false",
                "{\"model.layers.1.self_attn.q_proj\":[true,true,true]} | the name of a module's lora_E",
                "[true] | an object",
                "null | q_proj.lora_A is [1",
                "{\"model.layers.0.self_attn.q_proj.lora_E\":[true,true,false]} | q_proj.lora_A is [3",
                "null,\"use_dora\":true | use_dora is true",
                "null,\"init_r\":0 | init_r is 0",
                "null,\"alora_invocation_tokens\":[1] | alora_invocation_tokens",
            })
    void whatDoesNotFitIsRefused(String masks, String why) throws IOException {
        String fields = fields(masks);
        refused(byHand().write(masks.contains("init_r") ? fields.replace("\"init_r\":3,", "") : fields), why);
    }

    @Test
    void tensorsOfOtherLayoutsAreRefused() throws IOException {
        String masks = "{" + MASKS + "}";
        refused(byHand().without(name(MASKED, "lora_E")).write(fields(masks)), "q_proj.lora_E is missing");
        String weight = name(WHOLE, "lora_A") + ".weight";
        refused(byHand().tensor(weight, new long[] {1, 1}).write(fields(masks)), weight + " is not a LoRA factor");
        refused(
                new PeftDirectory(directory.resolve("lora"), model)
                        .factors(WHOLE, 2)
                        .tensor(name(WHOLE, "lora_E") + ".weight", new long[] {2, 1})
                        .write("\"peft_type\":\"LORA\",\"r\":2,\"target_modules\":[\"q_proj\"]"),
                "has singular values, but peft_type is not ADALORA");
        PeftDirectory nothing = new PeftDirectory(directory.resolve("nothing"), model);
        module(nothing, NONE, 0);
        refused(nothing.write(fields(masks)), "changes no module of the model");
    }

    private void refused(Path path, String why) {
        Refusals.ofReading(path, model, why);
    }
}
