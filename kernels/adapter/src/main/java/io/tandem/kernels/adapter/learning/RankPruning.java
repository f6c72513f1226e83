package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * The ranks of an adapter that change least, by the Frobenius norm {@code |s b_r a_r|} of what each adds to its module's weight, all
 * modules together. What is pruned is masked softly at first (PDP, Cho et al., 2023; its variant for channels):
 * {@code m = sigmoid((|s b_r a_r|^2 - t^2) / (TEMPERATURE t^2))}, with t halfway between the largest norm that is pruned and the
 * smallest that is kept. The paper's temperature is a number for weights of one size; here it follows the adapter's.
 */
public final class RankPruning {
    private final Adapter adapter;
    private final SortedMap<Site, double[]> squares = new TreeMap<>();
    private final double threshold;

    /**
     * @param pruned how many ranks; less than there are
     * @throws IllegalArgumentException if the adapter has changes of another form
     */
    public RankPruning(Adapter adapter, int pruned) {
        this.adapter = adapter;
        adapter.factors().forEach((site, factors) -> squares.put(site, squares(factors)));
        double[] sorted = squares.values().stream()
                .flatMapToDouble(Arrays::stream)
                .sorted()
                .toArray();
        if (pruned < 0 || pruned >= sorted.length) {
            throw new IllegalArgumentException(pruned + " of " + sorted.length + " ranks cannot be pruned");
        }
        threshold = pruned == 0 ? 0 : (Math.sqrt(sorted[pruned - 1]) + Math.sqrt(sorted[pruned])) / 2;
    }

    private static double[] squares(LowRank factors) {
        double[] squares = new double[factors.rank()];
        for (int rank = 0; rank < squares.length; rank++) {
            double a = 0;
            for (int i = rank * factors.inputs(); i < (rank + 1) * factors.inputs(); i++) {
                a += (double) factors.a()[i] * factors.a()[i];
            }
            double b = 0;
            for (int i = rank; i < factors.b().length; i += factors.rank()) {
                b += (double) factors.b()[i] * factors.b()[i];
            }
            squares[rank] = factors.scaling() * factors.scaling() * a * b;
        }
        return squares;
    }

    /** t squared. */
    public double thresholdSquared() {
        return threshold * threshold;
    }

    /** How much each rank counts while it is pruned softly. */
    public SortedMap<Site, double[]> masks() {
        SortedMap<Site, double[]> masks = new TreeMap<>();
        squares.forEach((site, own) ->
                masks.put(site, Arrays.stream(own).map(this::mask).toArray()));
        return masks;
    }

    private double mask(double square) {
        double t = Math.max(thresholdSquared(), 1e-30);
        return threshold == 0 ? 1 : 1 / (1 + Math.exp(-(square / t - 1) / LearningPlan.TEMPERATURE));
    }

    /** The adapter with the masks inside B. */
    public Adapter masked() {
        return with(false);
    }

    /** The same without the pruned ranks, and without modules that have no others. */
    public Adapter pruned() {
        return with(true);
    }

    private Adapter with(boolean hard) {
        Map<Site, LowRank> modules = new TreeMap<>();
        adapter.factors().forEach((site, factors) -> {
            double[] own = Objects.requireNonNull(squares.get(site));
            int[] kept = IntStream.range(0, factors.rank())
                    .filter(rank -> !hard || own[rank] > thresholdSquared() || threshold == 0)
                    .toArray();
            if (kept.length > 0) {
                modules.put(site, scaled(factors.only(kept), kept, own));
            }
        });
        return new Adapter(adapter.lora(), modules);
    }

    private LowRank scaled(LowRank factors, int[] kept, double[] own) {
        float[] b = factors.b().clone();
        for (int i = 0; i < b.length; i++) {
            b[i] *= (float) mask(own[kept[i % kept.length]]);
        }
        return factors.with(List.of(factors.a(), b));
    }
}
