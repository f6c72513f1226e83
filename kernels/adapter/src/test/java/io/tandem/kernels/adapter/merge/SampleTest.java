package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.TargetModule;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** An adapter with more entries than PCB-Merging looks at to find its limits. */
class SampleTest {
    private static final int WIDTH = 1_100_000;

    @Test
    void limitsFromASampleAreCloseToThoseOfAllEntries() {
        List<Adapter> adapters = List.of(wide(1), wide(2));
        List<double[]> vectors = adapters.stream().map(SampleTest::flat).toList();
        double[] exact = ReferenceMerge.compete(vectors, 0.3, 1, 1);
        MergeSpec spec = MergeSpec.of(MergeMethod.PCB, 0.3).withForm(MergeForm.FACTORS);
        Merged merged = Merge.of(spec).apply(adapters);
        double[] difference = ReferenceMerge.sum(List.of(exact, flat(merged.adapter())), 1, -1);
        // A thousandth of the entries may fall on the other side of a limit, which is the root of that in the norm.
        assertThat(norm(difference)).isBetween(1e-9 * norm(exact), 0.05 * norm(exact));
        assertThat(merged.report().prunedShare()).isBetween(0.695, 0.705);
    }

    private static Adapter wide(long seed) {
        Random random = new Random(seed);
        float[] a = new float[WIDTH];
        float[] b = new float[WIDTH];
        for (int i = 0; i < WIDTH; i++) {
            a[i] = (float) random.nextGaussian();
            b[i] = (float) (0.5 * random.nextGaussian());
        }
        return new Adapter(
                new LoraConfig(1, 1, false, EnumSet.of(TargetModule.Q_PROJ), ""),
                Map.of(new Site(0, TargetModule.Q_PROJ), new LowRank(1, WIDTH, WIDTH, a, b, 1)));
    }

    private static double[] flat(Adapter adapter) {
        LowRank factors = adapter.factors().get(adapter.factors().firstKey());
        double[] flat = Arrays.copyOf(Product.widened(factors.a()), 2 * WIDTH);
        System.arraycopy(Product.widened(factors.b()), 0, flat, WIDTH, WIDTH);
        return flat;
    }

    private static double norm(double[] values) {
        return Math.sqrt(Arrays.stream(values).map(value -> value * value).sum());
    }
}
