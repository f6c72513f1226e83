package io.tandem.kernels.adapter.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.compeft.CompressionSettings.Scale;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against dense products in double precision. */
class CompressorTest {
    private static final Scale CLOSEST = new Scale.LeastSquares();

    private final ModelConfig model = TinyModel.of(TinyModel.Variant.LLAMA, 1).config();

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Adapter adapter = TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 6, seed);

    private static Compressor.Result compress(Adapter adapter, double density, int sweeps, Scale scale) {
        return new Compressor(adapter).compress(new CompressionSettings(density, sweeps, scale));
    }

    private static double[] product(LowRank module) {
        double[] product = new double[module.outputs() * module.inputs()];
        for (int i = 0; i < module.outputs(); i++) {
            for (int j = 0; j < module.inputs(); j++) {
                double sum = 0;
                for (int k = 0; k < module.rank(); k++) {
                    sum += (double) module.b()[i * module.rank() + k] * module.a()[k * module.inputs() + j];
                }
                product[i * module.inputs() + j] = module.scaling() * sum;
            }
        }
        return product;
    }

    private static double distance(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += (x[i] - y[i]) * (x[i] - y[i]);
        }
        return sum;
    }

    private static double error(LowRank original, LowRank other) {
        double[] product = product(original);
        return Math.sqrt(distance(product, product(other)) / distance(product, new double[product.length]));
    }

    private static double error(Adapter original, Adapter other) {
        double squares = 0;
        double energy = 0;
        for (Site site : original.factors().keySet()) {
            double[] product = product(original.factors().get(site));
            squares += distance(product, product(other.factors().get(site)));
            energy += distance(product, new double[product.length]);
        }
        return Math.sqrt(squares / energy);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.001, 0.05, 0.2, 0.5, 1})
    void withoutSweepsEachFactorKeepsItsLargestWithTheirSigns(double density) {
        Adapter ternary =
                compress(adapter, density, 0, new Scale.Fixed(1)).adapter().decode();
        adapter.factors().forEach((site, module) -> {
            assertLargest(module.a(), ternary.factors().get(site).a(), density);
            assertLargest(module.b(), ternary.factors().get(site).b(), density);
        });
    }

    private static void assertLargest(float[] values, float[] ternary, double density) {
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            order.add(i);
        }
        order.sort((x, y) -> Float.compare(Math.abs(values[y]), Math.abs(values[x])));
        double[] expected = new double[values.length];
        for (int i : order.subList(0, Math.max(1, (int) (density * values.length)))) {
            expected[i] = Math.signum(values[i]);
        }
        double[] signs = new double[ternary.length];
        Arrays.setAll(signs, i -> Math.signum(ternary[i]));
        assertThat(signs).isEqualTo(expected);
    }

    @Test
    void ofEqualNumbersTheFirstAreKept() {
        float[] a = {1, -2, 2, 2, -2, 2, 1, 1};
        TernaryFactor factor = TernaryFactor.ofA(2, 4, a);
        factor.keepLargest(3);
        assertThat(factor.toA(1).decode()).containsExactly(0, -1, 1, 1, 0, 0, 0, 0);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 20})
    void noOtherScaleIsCloser(int sweeps) {
        TernaryAdapter ternary = compress(adapter, 0.2, sweeps, CLOSEST).adapter();
        ternary.modules().forEach((site, module) -> {
            LowRank original = adapter.factors().get(site);
            LowRank best = module.decode();
            for (double factor : new double[] {0.97, 1.03}) {
                LowRank other = new LowRank(
                        best.rank(), best.inputs(), best.outputs(), best.a(), best.b(), best.scaling() * factor);
                // A module whose entries were all dropped stays zero whatever the scale.
                if (module.a().positions().length > 0) {
                    assertThat(error(original, best)).isLessThan(error(original, other));
                }
            }
        });
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.1, 0.2, 0.5})
    void sweepsBringTheProductsCloserAtNoMoreEntries(double density) {
        TernaryAdapter plain = compress(adapter, density, 0, CLOSEST).adapter();
        TernaryAdapter swept = compress(adapter, density, 20, CLOSEST).adapter();
        assertThat(density(swept)).isBetween(0.5 * density, density);
        assertThat(error(adapter, swept.decode())).isLessThan(0.99 * error(adapter, plain.decode()));
    }

    private static double density(TernaryAdapter adapter) {
        double kept = 0;
        double length = 0;
        for (TernaryAdapter.TernaryLowRank module : adapter.modules().values()) {
            kept += module.a().positions().length + module.b().positions().length;
            length += module.a().length() + module.b().length();
        }
        return kept / length;
    }

    @Test
    void noSignThatIsChangedAloneIsBetterAfterManySweeps() {
        Site site = new Site(0, TargetModule.K_PROJ);
        LowRank module = adapter.factors().get(site);
        TernaryFit fit = new TernaryFit(module);
        fit.keepLargest(0.3);
        double penalty = 1e-3 * fit.energy();
        for (int sweep = 0; sweep < 200; sweep++) {
            fit.sweep(penalty);
        }
        LowRank best = fit.result(fit.bestScale()).decode();
        double[] target = product(module);
        double reached = distance(target, product(best)) + penalty * fit.kept();
        for (float[] factor : List.of(best.a(), best.b())) {
            for (int i = 0; i < factor.length; i++) {
                float old = factor[i];
                for (int sign = -1; sign <= 1; sign++) {
                    factor[i] = (float) (sign * fit.bestScale());
                    int kept = fit.kept() - (old == 0 ? 0 : 1) + Math.abs(sign);
                    assertThat(distance(target, product(best)) + penalty * kept).isGreaterThan(reached * (1 - 1e-6));
                }
                factor[i] = old;
            }
        }
    }

    @Test
    void theReportsErrorsAreThoseOfTheDenseProducts(@TempDir Path temporary) throws IOException {
        Path file = temporary.resolve("x");
        CompressionReport report = CompeftFormat.write(file, adapter, CompressionSettings.of(0.2));
        Adapter read = CompeftFormat.read(file, model, 6);
        assertThat(report.error()).isCloseTo(error(adapter, read), within(1e-9));
        assertThat(report.errors().keySet()).isEqualTo(adapter.factors().keySet());
        report.errors()
                .forEach((site, error) -> assertThat(error)
                        .isCloseTo(
                                error(
                                        adapter.factors().get(site),
                                        read.factors().get(site)),
                                within(1e-9)));
    }

    @Test
    void aFixedAlphaIsInStandardDeviations() {
        Compressor.Result result = compress(adapter, 0.1, 0, new Scale.Fixed(3));
        assertThat(result.alpha()).isCloseTo(3, within(1e-12));
        result.adapter().modules().forEach((site, module) -> {
            LowRank original = adapter.factors().get(site);
            double expected = 3 * Math.sqrt(deviation(original.a()) * deviation(original.b()));
            assertThat((double) module.a().scale()).isCloseTo(expected, within(1e-6 * expected));
            assertThat(module.b().scale()).isEqualTo(module.a().scale());
        });
    }

    private static double deviation(float[] values) {
        double mean = 0;
        double meanSquare = 0;
        for (float value : values) {
            mean += (double) value / values.length;
            meanSquare += (double) value * value / values.length;
        }
        return Math.sqrt((meanSquare - mean * mean) * values.length / (values.length - 1));
    }

    @Test
    void theBestScoreOfTheGridAndLeastSquaresWins() {
        List<Adapter> seen = new ArrayList<>();
        Compressor.Result result = compress(adapter, 0.1, 0, new Scale.Validated(candidate -> {
            seen.add(candidate);
            return seen.size() == 6 ? 2 : seen.size() == 3 ? Double.NaN : 1;
        }));
        assertThat(seen).hasSize(10);
        assertThat(result.alpha()).isCloseTo(4, within(1e-12));
        assertThat(result.adapter().decode()).usingRecursiveComparison().isEqualTo(seen.get(5));
        assertThat(result.candidates()).hasSize(10);
        assertThat(result.candidates().get(0).alpha()).isEmpty();
        assertThat(result.candidates().get(5)).isEqualTo(new CompressionReport.Candidate(OptionalDouble.of(4), 2));
        Compressor.Result closest = compress(adapter, 0.1, 0, new Scale.Validated(x -> -error(adapter, x)));
        assertThat(closest)
                .usingRecursiveComparison()
                .ignoringFields("candidates")
                .isEqualTo(compress(adapter, 0.1, 0, CLOSEST));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 20})
    void productsThatAreZeroStayZero(int sweeps) {
        Site site = new Site(0, TargetModule.V_PROJ);
        LoraConfig config = new LoraConfig(2, 2, false, Set.of(TargetModule.V_PROJ), "");
        float[] a = new float[64];
        float[] cancelling = new float[32];
        for (int i = 0; i < 32; i++) {
            a[i] = i - 16;
            a[32 + i] = i - 16;
            cancelling[i] = i % 2 == 0 ? 1 : -1;
        }
        for (LowRank module : List.of(
                new LowRank(2, 32, 16, a, new float[32], 1),
                new LowRank(2, 32, 16, a, cancelling, 1),
                new LowRank(2, 32, 16, a, cancelling, 0),
                new LowRank(2, 32, 16, new float[64], new float[32], 1))) {
            Adapter zero = new Adapter(config, Map.of(site, module));
            Adapter ternary = compress(zero, 0.3, sweeps, CLOSEST).adapter().decode();
            assertThat(product(ternary.factors().get(site))).containsOnly(0);
            assertThat(ProductError.of(zero, ternary).overall()).isZero();
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        for (double density : new double[] {0, -0.1, 1.1, Double.NaN}) {
            assertThatThrownBy(() -> CompressionSettings.of(density)).hasMessageContaining("the density is " + density);
        }
        assertThatThrownBy(() -> new CompressionSettings(0.1, -1, CLOSEST)).hasMessageContaining("-1 sweeps");
        assertThatThrownBy(() -> new Scale.Fixed(0)).hasMessageContaining("alpha is 0.0");
    }
}
