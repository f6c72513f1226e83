package io.tandem.kernels.adapter.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Core.Ranks;
import io.tandem.kernels.adapter.Core.Shape;
import io.tandem.kernels.adapter.KeptNumbers;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.SingularValues;
import io.tandem.kernels.adapter.method.TriadaptloraMethod.Threshold;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Methods whose parameters are folded into two factors: what is exported, and what a checkpoint has beside that. */
class FoldingTest {
    private static final int RANK = 4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
    private final ModelConfig model = tiny.config();

    @TempDir
    private Path directory;

    static Stream<PeftMethod> methods() {
        LoraConfig config = new LoraConfig(RANK, 6, false, LoraConfig.everyLinear(), "base");
        LoraConfig values = new LoraConfig(20, 20, false, LoraConfig.everyLinear(), "base");
        return Stream.of(
                new FloraMethod(config),
                new IncreloraMethod(config, GrowthSettings.DEFAULT, OptionalInt.empty()),
                new TriadaptloraMethod(config, GrowthSettings.DEFAULT, Threshold.LINEAR),
                new SvfitMethod(values));
    }

    private Adapter start(PeftMethod method) {
        return method.start(model, site -> tiny.weights().get(site + ".weight"), 7);
    }

    /** As if all of it had learned, and every third module had grown. */
    private Adapter learned(PeftMethod method) {
        Map<Site, Change> modules = new TreeMap<>();
        start(method).modules().forEach((site, change) -> {
            Change noisy = change.with(change.parameters().stream()
                    .map(p -> noise(p.values().length))
                    .toList());
            if (noisy instanceof Core core && core.grows() && modules.size() % 3 == 0) {
                Ranks old = core.ranks();
                Ranks grown = new Ranks(old.used() + old.step(), old.first(), old.step(), old.ahead());
                noisy = core.with(grown, 6.0 / grown.used());
            }
            modules.put(site, noisy);
        });
        return new Adapter(start(method).config(), modules);
    }

    private float[] noise(int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static KeptNumbers kept(Adapter adapter) {
        return (site, name) -> adapter.modules().get(site).kept().stream()
                .filter(p -> p.name().equals(name))
                .map(Parameter::values)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no " + name));
    }

    /** LoRA as PEFT loads it, with a rank for each module, and training goes on with every number as it was. */
    @ParameterizedTest
    @MethodSource("methods")
    void whatIsExportedIsLoraAndLearnsOnAsItWas(PeftMethod method) throws IOException {
        Adapter learned = learned(method);
        learned.requireFinite(Dtype.FLOAT32);
        PeftFormat.write(directory, learned.served(), model);
        Adapter read = PeftFormat.read(directory, model, 32);
        assertThat(read).usingRecursiveComparison().isEqualTo(learned.served());
        assertThat(directory.resolve("adapter_config.json")).content().contains("\"peft_type\" : \"LORA\"");
        assertThat(method.resume(read, kept(learned)).modules())
                .usingRecursiveComparison()
                .isEqualTo(learned.modules());
        assertThatThrownBy(() -> method.resume(read, (site, name) -> new float[3]))
                .isInstanceOf(IllegalArgumentException.class);
    }

    /** The first module has grown by two ranks, the next two have one; alpha is the same for all. */
    @Test
    void ranksAreWrittenAsPeftPatterns() throws IOException {
        LoraConfig config = new LoraConfig(RANK, 6, false, Set.of(TargetModule.Q_PROJ), "base");
        PeftFormat.write(
                directory,
                learned(new IncreloraMethod(config, GrowthSettings.DEFAULT, OptionalInt.empty()))
                        .served(),
                model);
        assertThat(Files.readString(directory.resolve("adapter_config.json")).replaceAll("\\s", ""))
                .contains(
                        "\"alpha_pattern\":{}",
                        "\"lora_alpha\":6",
                        "\"r\":4",
                        "\"rank_pattern\":{\"model.layers.0.self_attn.q_proj\":3,\"model.layers.1.self_attn.q_proj\":1}");
    }

    @ParameterizedTest
    @EnumSource(Shape.class)
    void theCoreIsFoldedIntoB(Shape shape) {
        Core core = new Core(
                        new LowRank(5, 7, 6, noise(35), noise(30), 1), shape, noise(shape.numbers(5)), Ranks.all(5))
                .with(new Ranks(3, 1, 2, 2), 1.5);
        LowRank served = core.served();
        assertThat(served.rank()).isEqualTo(3);
        assertThat(served.scaling()).isEqualTo(1.5);
        for (int row = 0; row < 6; row++) {
            for (int column = 0; column < 7; column++) {
                double expected = 0;
                double found = 0;
                for (int i = 0; i < 3; i++) {
                    found += served.b()[3 * row + i] * served.a()[7 * i + column];
                    for (int j = 0; j < 3; j++) {
                        double c = shape == Shape.FULL ? core.core()[5 * i + j] : i == j ? core.core()[i] : 0;
                        expected +=
                                core.outer().b()[5 * row + i] * c * core.outer().a()[7 * j + column];
                    }
                }
                assertThat(found).isCloseTo(expected, Offset.offset(1e-5));
            }
        }
        LowRank padded = core.lowRank().orElseThrow();
        assertThat(padded.first(3, 1.5)).usingRecursiveComparison().isEqualTo(served);
        assertThat(padded.rank()).isEqualTo(5);
        assertThat(Arrays.copyOfRange(padded.a(), 21, 35)).containsOnly(0);
    }

    /** All singular values of a module whose smaller side is less than the rank: changed by as much as they are, W doubles. */
    @Test
    void singularVectorsAreThoseOfTheWeight() {
        Adapter start = start(new SvfitMethod(new LoraConfig(1000, 1000, false, LoraConfig.everyLinear(), "base")));
        start.modules().forEach((site, change) -> {
            float[] weight = tiny.weights().get(site + ".weight");
            SingularValues own = (SingularValues) change;
            int rank = own.rank();
            assertThat(rank).isEqualTo(Math.min(own.inputs(), own.outputs()));
            assertThat(own.isIdle()).isTrue();
            float[] values = new float[rank];
            for (int i = 0; i < rank; i++) {
                double value = 0;
                for (int row = 0; row < own.outputs(); row++) {
                    for (int column = 0; column < own.inputs(); column++) {
                        value += own.vectors().b()[row * rank + i]
                                * weight[row * own.inputs() + column]
                                * own.vectors().a()[i * own.inputs() + column];
                    }
                }
                values[i] = (float) value;
                // They come in order, up to their rounding.
                assertThat(values[i]).isPositive().isLessThan(i == 0 ? Float.MAX_VALUE : values[i - 1] + 1e-4f);
            }
            LowRank whole = own.with(List.of(values)).served();
            double[] product = new double[weight.length];
            for (int i = 0; i < product.length; i++) {
                for (int k = 0; k < rank; k++) {
                    product[i] +=
                            whole.b()[i / own.inputs() * rank + k] * whole.a()[k * own.inputs() + i % own.inputs()];
                }
                assertThat(product[i]).isCloseTo(weight[i], Offset.offset(1e-4));
            }
        });
    }

    @Test
    void whatDoesNotFitTogetherIsRefused() {
        LowRank outer = new LowRank(5, 7, 6, noise(35), noise(30), 1);
        assertThatThrownBy(() -> new Core(outer, Shape.FULL, noise(5), Ranks.all(5)))
                .hasMessageContaining("a core of 5 numbers, expected 25 for rank 5");
        for (Ranks wrong :
                List.of(new Ranks(0, 1, 2, 0), new Ranks(2, 1, 2, 0), new Ranks(5, 1, 2, 2), new Ranks(7, 1, 2, -2))) {
            assertThatThrownBy(() -> new Core(outer, Shape.DIAGONAL, noise(5), wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("with room for 5");
        }
        assertThatThrownBy(() -> new SingularValues(outer, noise(4)))
                .hasMessageContaining("4 singular values changed, of 5 there are vectors");
        float[] large = noise(5);
        large[0] = Float.POSITIVE_INFINITY;
        assertThatThrownBy(() -> new SingularValues(outer, large).requireFinite(Dtype.FLOAT32))
                .hasMessageContaining("not a finite number");
    }
}
