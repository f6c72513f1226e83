package io.tandem.kernels.adapter.routing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class PrototypesTest {
    private static final ModelConfig MODEL =
            TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    @TempDir
    private Path directory;

    /** No direction is stretched more: not one of many random ones, nor one a little beside it. */
    @Test
    void nothingIsStretchedMoreThanThePrototype() {
        Random random = seeded.random();
        Adapter adapter = TinyAdapters.mixedRanks(MODEL, LoraConfig.allLinears(), 8, random.nextLong());
        Prototypes prototypes = Prototypes.of(adapter);
        assertThat(prototypes.directions().keySet())
                .isEqualTo(adapter.factors().keySet().stream()
                        .filter(site -> !EnumSet.of(TargetModule.O_PROJ, TargetModule.DOWN_PROJ)
                                .contains(site.module()))
                        .collect(Collectors.toSet()));
        prototypes.directions().forEach((site, direction) -> {
            LowRank factors = adapter.factors().get(site);
            double most = stretch(factors, direction);
            assertThat(length(direction)).isCloseTo(1, within(1e-6));
            for (int i = 0; i < 200; i++) {
                float[] other = direction.clone();
                double size = Math.pow(10, -random.nextInt(4));
                for (int j = 0; j < other.length; j++) {
                    other[j] += (float) (size * random.nextGaussian());
                }
                assertThat(stretch(factors, other) / length(other)).isLessThan(most * (1 + 1e-6));
            }
        });
    }

    private static double length(float[] vector) {
        double squares = 0;
        for (float number : vector) {
            squares += (double) number * number;
        }
        return Math.sqrt(squares);
    }

    /** The length of {@code B A x}. */
    private static double stretch(LowRank factors, float[] x) {
        double[] low = new double[factors.rank()];
        for (int r = 0; r < low.length; r++) {
            for (int i = 0; i < x.length; i++) {
                low[r] += (double) factors.a()[r * x.length + i] * x[i];
            }
        }
        double squares = 0;
        for (int row = 0; row < factors.outputs(); row++) {
            double sum = 0;
            for (int r = 0; r < low.length; r++) {
                sum += factors.b()[row * low.length + r] * low[r];
            }
            squares += sum * sum;
        }
        return Math.sqrt(squares);
    }

    /** Two tokens whose inputs are worked out by hand; signs and lengths do not matter. */
    @Test
    void theScoreIsTheMeanOverTokensAndLinears() {
        int hidden = MODEL.hidden();
        int layers = MODEL.layers();
        float[] first = new float[hidden];
        first[0] = 1;
        Prototypes prototypes = new Prototypes(new TreeMap<>(
                Map.of(new Site(0, TargetModule.Q_PROJ), first, new Site(layers - 1, TargetModule.UP_PROJ), first)));
        float[] inputs = new float[2 * layers * 2 * hidden];
        Arrays.fill(inputs, 1f);
        int last = (layers - 1) * 2 * hidden + hidden;
        vector(inputs, 0, hidden, -3, 4);
        vector(inputs, last, hidden, 0, 7);
        vector(inputs, layers * 2 * hidden, hidden, 5, 0);
        vector(inputs, layers * 2 * hidden + last, hidden, 0, 0);
        assertThat(prototypes.score(new LayerInputs(inputs, layers, hidden)))
                .isCloseTo((0.6 + 0 + 1 + 0) / 4, within(1e-6));
        assertThat(Prototypes.NONE.score(new LayerInputs(inputs, layers, hidden)))
                .isZero();
        assertThatThrownBy(() -> new LayerInputs(new float[7], layers, hidden)).hasMessageContaining("7 numbers");
    }

    private static void vector(float[] inputs, int start, int hidden, float x, float y) {
        Arrays.fill(inputs, start, start + hidden, 0);
        inputs[start] = x;
        inputs[start + 1] = y;
    }

    @Test
    void thereAreNoneWithoutFactorsThatReadALayersInput() {
        assertThat(Prototypes.of(TinyAdapters.scales(MODEL, 1)).isEmpty()).isTrue();
        assertThat(Prototypes.of(TinyAdapters.random(MODEL, Set.of(TargetModule.DOWN_PROJ), 2, 1))
                        .isEmpty())
                .isTrue();
        Adapter idle = new Adapter(
                new LoraConfig(2, 2, false, Set.of(TargetModule.Q_PROJ), ""),
                Map.of(
                        new Site(0, TargetModule.Q_PROJ),
                        new LowRank(2, 4, 3, new float[] {1, 2, 3, 4, 5, 6, 7, 8}, new float[6], 1)));
        assertThat(Prototypes.of(idle).isEmpty()).isTrue();
    }

    @Test
    void whatIsReadIsWhatWasWritten() throws Exception {
        Prototypes written = Prototypes.of(TinyAdapters.random(
                MODEL, LoraConfig.allLinears(), 3, seeded.random().nextLong()));
        Path file = directory.resolve("x.prototypes");
        Prototypes.NONE.write(file);
        assertThat(Prototypes.read(file, MODEL).isEmpty()).isTrue();
        written.write(file);
        Prototypes read = Prototypes.read(file, MODEL);
        assertThat(read.directions().keySet()).isEqualTo(written.directions().keySet());
        read.directions()
                .forEach((site, own) ->
                        assertThat(own).isEqualTo(written.directions().get(site)));
    }

    @Test
    void whatIsNoFileOfThisModelIsRefused() throws Exception {
        Path file = directory.resolve("x.prototypes");
        assertThatThrownBy(() -> Prototypes.read(file, MODEL)).isInstanceOf(ModelFormatException.class);
        Files.write(file, new byte[] {1, 2, 3});
        assertThatThrownBy(() -> Prototypes.read(file, MODEL)).isInstanceOf(ModelFormatException.class);
        refused(file, "model.layers.0.self_attn.q_proj", new float[MODEL.hidden()], "with the length 1");
        refused(file, "model.layers.0.self_attn.q_proj", new float[] {1}, "has 1 numbers");
        float[] nan = new float[MODEL.hidden()];
        nan[0] = Float.NaN;
        refused(file, "model.layers.0.self_attn.q_proj", nan, "with the length 1");
        float[] unit = new float[MODEL.hidden()];
        unit[0] = 1;
        refused(file, "model.layers.99.self_attn.q_proj", unit, "no prototypes of this model");
        refused(file, "model.layers.0.self_attn.o_proj", unit, "no prototypes of this model");
    }

    private static void refused(Path file, String name, float[] values, String why) throws Exception {
        SafetensorsWriter.write(file, Map.of(name, new Tensor(StoredType.F32, new long[] {values.length}, values)));
        assertThatThrownBy(() -> Prototypes.read(file, MODEL))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(why);
    }
}
