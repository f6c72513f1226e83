package io.tandem.kernels.adapter.method;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LeadingRanks;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.NormOps_DDRM;
import org.ejml.dense.row.RandomMatrices_DDRM;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class DecompositionTest {
    private static final int RANK = 4;
    private static final double SCALING = 2;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
    private final ModelConfig model = tiny.config();

    @TempDir
    private Path directory;

    /** Singular values that fall off as those of trained weights do, so that the largest are well apart. */
    private DMatrixRMaj weight(int outputs, int inputs) {
        int sides = Math.min(outputs, inputs);
        DMatrixRMaj left = RandomMatrices_DDRM.orthogonal(outputs, sides, random);
        CommonOps_DDRM.multCols(left, values(sides));
        return times(left, transposed(RandomMatrices_DDRM.orthogonal(inputs, sides, random)));
    }

    private static double[] values(int count) {
        return IntStream.range(0, count)
                .mapToDouble(i -> 10 / Math.pow(i + 1, 0.8))
                .toArray();
    }

    private static Weight floats(DMatrixRMaj matrix) {
        float[] values = new float[matrix.data.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) matrix.data[i];
        }
        return new Weight(matrix.numRows, matrix.numCols, values);
    }

    private static DMatrixRMaj matrix(int rows, int columns, float[] values) {
        return new DMatrixRMaj(
                rows,
                columns,
                true,
                IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray());
    }

    private static DMatrixRMaj times(DMatrixRMaj left, DMatrixRMaj right) {
        return CommonOps_DDRM.mult(left, right, null);
    }

    private static DMatrixRMaj transposed(DMatrixRMaj matrix) {
        return CommonOps_DDRM.transpose(matrix, null);
    }

    private static double distance(DMatrixRMaj one, DMatrixRMaj other) {
        return NormOps_DDRM.normF(CommonOps_DDRM.subtract(one, other, null));
    }

    private static double norm(DMatrixRMaj matrix) {
        return NormOps_DDRM.normF(matrix);
    }

    private static DMatrixRMaj a(LowRank factors) {
        return matrix(factors.rank(), factors.inputs(), factors.a());
    }

    private static DMatrixRMaj b(LowRank factors) {
        return matrix(factors.outputs(), factors.rank(), factors.b());
    }

    private static DMatrixRMaj product(LowRank factors) {
        DMatrixRMaj product = times(b(factors), a(factors));
        CommonOps_DDRM.scale(factors.scaling(), product);
        return product;
    }

    /** The whole decomposition is known: A A^T and B^T B are its largest values, and what is left are the others. */
    @ParameterizedTest
    @CsvSource({"60, 90", "90, 60", "12, 40"})
    void pissaTakesTheLargestSingularValues(int outputs, int inputs) {
        DMatrixRMaj weight = weight(outputs, inputs);
        LowRank found = Decomposition.PISSA.factors(floats(weight), RANK, SCALING, random.nextLong());
        double[] values = values(Math.min(outputs, inputs));
        DMatrixRMaj expected = CommonOps_DDRM.diag(Arrays.copyOf(values, RANK));
        CommonOps_DDRM.scale(1 / SCALING, expected);
        assertThat(distance(times(a(found), transposed(a(found))), expected)).isLessThan(1e-3 * norm(expected));
        assertThat(distance(times(transposed(b(found)), b(found)), expected)).isLessThan(1e-3 * norm(expected));
        double rest = Math.sqrt(
                Arrays.stream(values).skip(RANK).map(value -> value * value).sum());
        assertThat(distance(weight, product(found))).isCloseTo(rest, Percentage.withPercentage(0.1));
    }

    /** A projection on W's first columns, which it therefore gives exactly. */
    @ParameterizedTest
    @CsvSource({"60, 90", "90, 60", "4, 40"})
    void oloraTakesTheFirstColumnsOfQAndRowsOfR(int outputs, int inputs) {
        DMatrixRMaj weight = weight(outputs, inputs);
        LowRank found = Decomposition.OLORA.factors(floats(weight), RANK, SCALING, 0);
        DMatrixRMaj q = b(found);
        DMatrixRMaj r = a(found);
        assertThat(distance(times(transposed(q), q), CommonOps_DDRM.identity(RANK)))
                .isLessThan(1e-5);
        assertThat(distance(times(transposed(q), weight), r)).isLessThan(1e-5 * norm(r));
        DMatrixRMaj columns = CommonOps_DDRM.extract(weight, 0, outputs, 0, RANK);
        DMatrixRMaj triangle = CommonOps_DDRM.extract(r, 0, RANK, 0, RANK);
        assertThat(distance(times(q, triangle), columns)).isLessThan(1e-5 * norm(columns));
        for (int row = 1; row < RANK; row++) {
            for (int column = 0; column < row; column++) {
                assertThat(r.get(row, column)).isCloseTo(0, Offset.offset(1e-5));
            }
        }
    }

    private Adapter start(Decomposition decomposition, boolean stabilized, long seed) {
        LoraConfig config = new LoraConfig(RANK, 8, stabilized, LoraConfig.everyLinear(), "base");
        return new DecompositionMethod(config, decomposition)
                .start(model, site -> tiny.weights().get(site + ".weight"), seed);
    }

    @ParameterizedTest
    @EnumSource(Decomposition.class)
    void itStartsWithAPartOfTheWeightAndWithoutAChange(Decomposition decomposition) {
        Adapter start = start(decomposition, false, 7);
        assertThat(start.modules().keySet()).hasSize(7 * model.layers());
        start.modules().forEach((site, change) -> {
            LowRank whole = change.lowRank().orElseThrow();
            LowRank learning = leading((LeadingRanks) change);
            DMatrixRMaj first = product(learning);
            if (decomposition == Decomposition.OLORA) {
                // As in PEFT, the scaling counts on top of it.
                CommonOps_DDRM.scale(1 / learning.scaling(), first);
            }
            DMatrixRMaj weight =
                    matrix(whole.outputs(), whole.inputs(), tiny.weights().get(site + ".weight"));
            // What is left is orthogonal to what was taken.
            assertThat(Math.hypot(norm(first), distance(weight, first)))
                    .isCloseTo(norm(weight), Percentage.withPercentage(0.1));
            assertThat(norm(first)).isGreaterThan(0.1 * norm(weight));
            assertThat(norm(product(whole))).isLessThan(1e-6 * norm(first));
        });
        assertThat(start).usingRecursiveComparison().isEqualTo(start(decomposition, false, 7));
    }

    /** PEFT's conversion: ranks [A; A0] and [B, -B0], twice r and so much more alpha that s is the same. */
    @ParameterizedTest
    @CsvSource({"PISSA, false", "OLORA, true"})
    void whatIsKeptIsLoraOfTwiceTheRankAndLearnsOnAsItWas(Decomposition decomposition, boolean stabilized)
            throws IOException {
        Adapter start = start(decomposition, stabilized, random.nextLong());
        Map<Site, Change> modules = new TreeMap<>();
        start.modules()
                .forEach((site, change) -> modules.put(
                        site,
                        change.with(change.parameters().stream()
                                .map(p -> noise(p.values().length))
                                .toList())));
        Adapter learned = new Adapter(start.config(), modules);
        PeftFormat.write(directory, learned.served(), model);
        Adapter read = PeftFormat.read(directory, model, 2 * RANK);
        assertThat(read.config().rank()).isEqualTo(2 * RANK);
        assertThat(directory.resolve("adapter_config.json"))
                .content()
                .contains("\"alpha_pattern\" : { }", "\"init_lora_weights\" : true", "\"r\" : 8");
        LoraConfig config = new LoraConfig(RANK, 8, stabilized, LoraConfig.everyLinear(), "base");
        assertThat(new DecompositionMethod(config, decomposition).resume(read, (site, name) -> new float[0]))
                .usingRecursiveComparison()
                .isEqualTo(learned);
        learned.modules().forEach((site, change) -> {
            DMatrixRMaj moved = CommonOps_DDRM.subtract(
                    product(leading((LeadingRanks) change)),
                    product(leading((LeadingRanks) start.modules().get(site))),
                    null);
            LowRank kept = read.factors().get(site);
            assertThat(distance(product(kept), moved)).isLessThan(1e-5 * norm(moved));
            assertThat(kept.scaling())
                    .isCloseTo(stabilized ? 8 / Math.sqrt(RANK) : 2, Percentage.withPercentage(1e-10));
        });
    }

    private static LowRank leading(LeadingRanks ranks) {
        LowRank whole = ranks.served();
        return new LowRank(
                RANK,
                whole.inputs(),
                whole.outputs(),
                ranks.parameters().get(0).values(),
                ranks.parameters().get(1).values(),
                whole.scaling());
    }

    private float[] noise(int length) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @Test
    void halfOfTheServedRanksLearnAndNoMoreThanTheSmallestSide() {
        LoraConfig config = new LoraConfig(RANK, 8, false, LoraConfig.everyLinear(), "base");
        PeftMethod method = new DecompositionMethod(config, Decomposition.PISSA);
        assertThat(method.maxRank(model, 8)).isEqualTo(4);
        int smallest = Stream.of(TargetModule.K_PROJ, TargetModule.V_PROJ)
                .mapToInt(module -> module.outputs(model))
                .min()
                .orElseThrow();
        assertThat(method.maxRank(model, 1000)).isEqualTo(smallest);
        assertThat(new LoraMethod(config).maxRank(model, 8)).isEqualTo(8);
    }
}
