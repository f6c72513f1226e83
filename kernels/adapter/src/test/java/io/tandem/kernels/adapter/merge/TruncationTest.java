package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.Tolerances;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.ejml.data.DMatrixRMaj;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class TruncationTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-6);

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final List<Adapter> adapters = ThreeAdapters.different(random.nextLong());

    @Test
    void theReportedErrorIsWhatWasCutOff() {
        for (MergeSpec spec : List.of(
                MergeSpec.of(MergeMethod.LINEAR).withTruncation(Truncation.toRank(3)),
                MergeSpec.of(MergeMethod.SVD),
                MergeSpec.of(MergeMethod.CAT).withTruncation(Truncation.toError(0.4)),
                MergeSpec.of(MergeMethod.TIES_SVD, 0.3),
                MergeSpec.of(MergeMethod.MAGNITUDE_PRUNE, 0.3).withTruncation(Truncation.toRank(2)))) {
            Merged whole =
                    Merge.of(spec.withTruncation(Truncation.toRank(1000))).apply(adapters);
            Merged cut = Merge.of(spec).apply(adapters);
            double lost = 0;
            double all = 0;
            for (Site site : whole.adapter().modules().keySet()) {
                double[] expected =
                        ReferenceMerge.change(whole.adapter().factors().get(site));
                LowRank factors = cut.adapter().factors().get(site);
                double[] rest = ReferenceMerge.sum(List.of(expected, ReferenceMerge.change(factors)), 1, -1);
                MergeReport.Module module = cut.report().modules().get(site);
                assertThat(module.truncationError())
                        .as(spec.method() + " " + site)
                        .isCloseTo(norm(rest) / norm(expected), ROUNDING);
                assertThat(module.rank()).isEqualTo(factors.rank());
                if (module.truncationError() > 0) {
                    lost += Math.pow(norm(rest), 2);
                    all += Math.pow(norm(expected), 2);
                }
            }
            assertThat(lost).as(spec.method() + " cut nothing").isPositive();
            if (spec.method().prunes()) {
                assertThat(cut.report().truncationError()).isCloseTo(Math.sqrt(lost / all), ROUNDING);
            }
        }
    }

    @Test
    void theRankIsTheSmallestThatTheErrorAllows() {
        double[] values = {8, 4, 2, 1, 0.5, 0.25};
        double whole = norm(values);
        for (int rank = 1; rank < values.length; rank++) {
            double error = norm(Arrays.copyOfRange(values, rank, values.length)) / whole;
            MergedModule exactly =
                    new SingularValues(known(50, 40, values)).truncated(100, error * (1 + 1e-9), whole * whole);
            assertThat(exactly.factors().rank()).isEqualTo(rank);
            assertThat(exactly.loss().truncationError()).isCloseTo(error, Offset.offset(1e-9));
            MergedModule tighter =
                    new SingularValues(known(50, 40, values)).truncated(100, error * (1 - 1e-6), whole * whole);
            assertThat(tighter.factors().rank()).isEqualTo(rank + 1);
        }
    }

    @Test
    void aLargeMatrixIsApproximatedAlmostAsWellAsPossible() {
        double[] values =
                IntStream.range(0, 120).mapToDouble(i -> 1 / (1.0 + i)).toArray();
        Product product = known(300, 170, values);
        DMatrixRMaj matrix = DMatrixRMaj.wrap(300, 170, product.dense());
        for (int rank : new int[] {1, 8, 30}) {
            double best = norm(Arrays.copyOfRange(values, rank, values.length)) / norm(values);
            Product projected = RangeFinder.project(matrix, rank, random.nextLong());
            assertThat(projected.left().numCols).isLessThan(170);
            MergedModule found = new SingularValues(projected).truncated(rank, 0, Math.pow(norm(values), 2));
            assertThat(found.factors().rank()).isEqualTo(rank);
            assertThat(found.loss().truncationError()).isBetween(best * (1 - 1e-9), best * 1.05);
            double[] rest = ReferenceMerge.sum(List.of(product.dense(), ReferenceMerge.change(found.factors())), 1, -1);
            assertThat(norm(rest) / norm(values)).isCloseTo(found.loss().truncationError(), ROUNDING);
        }
    }

    @Test
    void aMatrixOfLowRankIsFoundExactly() {
        double[] values = {3, 2, 1};
        Product product = known(200, 90, values);
        Product projected = RangeFinder.project(DMatrixRMaj.wrap(200, 90, product.dense()), 12, 1);
        MergedModule found = new SingularValues(projected).truncated(12, 0, 14);
        assertThat(found.factors().rank()).isEqualTo(3);
        assertThat(found.loss().truncationError()).isZero();
        Tolerances.FLOAT32.check("change", product.dense(), ReferenceMerge.change(found.factors()));
    }

    @Test
    void sumsThatCancelLeaveZerosOfRankOne() {
        Adapter adapter = adapters.get(0);
        MergeSpec spec = MergeSpec.of(MergeMethod.SVD).withWeights(List.of(1.0, -1.0));
        Merged merged = Merge.of(spec).apply(List.of(adapter, adapter));
        merged.adapter().factors().forEach((site, factors) -> {
            double[] change = ReferenceMerge.change(factors);
            Tolerances.FLOAT32.check(site.toString(), new double[change.length], change);
        });
    }

    @Test
    void theDefaultRankIsTheSumOfRanksOrForSvdTheLargest() {
        Site first = adapters.get(0).modules().firstKey();
        int sum = 4 + 2;
        assertThat(rank(MergeSpec.of(MergeMethod.LINEAR), first)).isEqualTo(sum);
        assertThat(rank(MergeSpec.of(MergeMethod.CAT), first)).isEqualTo(sum);
        assertThat(rank(MergeSpec.of(MergeMethod.TIES, 0.3), first)).isEqualTo(sum);
        assertThat(rank(MergeSpec.of(MergeMethod.SVD), first)).isEqualTo(4);
        assertThat(rank(MergeSpec.of(MergeMethod.TIES_SVD, 0.3), first)).isEqualTo(4);
    }

    @Test
    void ranksBeyondTheMatrixAreCompacted() {
        List<Adapter> many = IntStream.range(0, 6)
                .mapToObj(i -> ThreeAdapters.alike(4, random.nextLong()).get(0))
                .toList();
        Merged merged = Merge.of(MergeSpec.of(MergeMethod.LINEAR)).apply(many);
        merged.adapter().factors().forEach((site, factors) -> {
            assertThat(factors.rank()).isLessThanOrEqualTo(Math.min(factors.inputs(), factors.outputs()));
            double[] expected = ReferenceMerge.sum(ReferenceMerge.stacks(many).get(site), 1, 1, 1, 1, 1, 1);
            Tolerances.FLOAT32.check(site.toString(), expected, ReferenceMerge.change(factors));
        });
        assertThat(merged.report().truncationError()).isZero();
    }

    private int rank(MergeSpec spec, Site site) {
        return Merge.of(spec).apply(adapters).report().modules().get(site).rank();
    }

    /** A product whose singular values are the given ones. */
    private Product known(int rows, int columns, double[] values) {
        double[][] u = orthonormal(rows, values.length);
        double[][] v = orthonormal(columns, values.length);
        DMatrixRMaj left = new DMatrixRMaj(rows, values.length);
        DMatrixRMaj right = new DMatrixRMaj(values.length, columns);
        for (int k = 0; k < values.length; k++) {
            for (int row = 0; row < rows; row++) {
                left.set(row, k, values[k] * u[k][row]);
            }
            for (int column = 0; column < columns; column++) {
                right.set(k, column, v[k][column]);
            }
        }
        return new Product(left, right);
    }

    /** Gram and Schmidt, twice for precision. */
    private double[][] orthonormal(int length, int count) {
        double[][] vectors = new double[count][length];
        for (int k = 0; k < count; k++) {
            vectors[k] = random.doubles(length, -1, 1).toArray();
            for (int pass = 0; pass < 2; pass++) {
                for (int j = 0; j < k; j++) {
                    double dot = 0;
                    for (int i = 0; i < length; i++) {
                        dot += vectors[k][i] * vectors[j][i];
                    }
                    for (int i = 0; i < length; i++) {
                        vectors[k][i] -= dot * vectors[j][i];
                    }
                }
                double norm = norm(vectors[k]);
                for (int i = 0; i < length; i++) {
                    vectors[k][i] /= norm;
                }
            }
        }
        return vectors;
    }

    private static double norm(double[] values) {
        return Math.sqrt(Arrays.stream(values).map(value -> value * value).sum());
    }
}
