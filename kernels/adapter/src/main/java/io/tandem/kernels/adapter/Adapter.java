package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * An immutable set of low-rank changes to a base model: {@code y = W x + scaling * B (A x)} (LoRA, Hu et al., 2021).
 *
 * @param config what the adapter's configuration file says
 * @param modules the changed modules; a module that is absent is not changed
 */
public record Adapter(LoraConfig config, SortedMap<Site, LowRank> modules) {

    /**
     * One linear of one layer.
     *
     * @param expert whose it is, -1 if it belongs to the layer
     */
    public record Site(int layer, TargetModule module, int expert) implements Comparable<Site> {
        private static final Comparator<Site> ORDER =
                Comparator.comparingInt(Site::layer).thenComparing(Site::module).thenComparingInt(Site::expert);

        public Site(int layer, TargetModule module) {
            this(layer, module, -1);
        }

        /** All linears of a model, in the order of the computation. */
        public static List<Site> all(ModelConfig model) {
            List<Site> sites = new ArrayList<>();
            for (int layer = 0; layer < model.layers(); layer++) {
                for (JoinedLinear linear : model.linears()) {
                    for (TargetModule module : linear.modules()) {
                        sites.add(new Site(layer, module, linear.expert()));
                    }
                }
            }
            return sites;
        }

        @Override
        public int compareTo(Site other) {
            return ORDER.compare(this, other);
        }

        /** Its name in a HuggingFace model, for example {@code model.layers.3.self_attn.q_proj}. */
        @Override
        public String toString() {
            String number = expert < 0 ? "" : expert + ".";
            return "model.layers." + layer + "." + module.parent() + "." + number + module.label();
        }
    }

    /**
     * The factors of one module, row by row.
     *
     * @param rank r
     * @param inputs columns of A
     * @param outputs rows of B
     * @param a {@code [rank, inputs]}
     * @param b {@code [outputs, rank]}
     * @param scaling factor on the product
     */
    public record LowRank(int rank, int inputs, int outputs, float[] a, float[] b, double scaling) {
        public LowRank {
            if (a.length != rank * inputs || b.length != outputs * rank) {
                throw new IllegalArgumentException("factors of " + a.length + " and " + b.length
                        + " numbers, expected [" + rank + ", " + inputs + "] and [" + outputs + ", " + rank + "]");
            }
        }

        /** An element of B with the scaling inside, as the device keeps it. */
        public float scaled(float element) {
            return (float) (scaling * element);
        }

        private boolean isFinite(Dtype dtype) {
            return IntStream.range(0, a.length).allMatch(i -> dtype.holds(a[i]))
                    && IntStream.range(0, b.length).allMatch(i -> dtype.holds(scaled(b[i])));
        }

        /** The inner product with another module's product, without making them: {@code tr((B^T B') (A' A^T))}. */
        public double inner(LowRank other) {
            double sum = 0;
            for (int j = 0; j < rank; j++) {
                for (int k = 0; k < other.rank; k++) {
                    double rows = 0;
                    for (int i = 0; i < inputs; i++) {
                        rows += (double) a[j * inputs + i] * other.a[k * inputs + i];
                    }
                    double columns = 0;
                    for (int i = 0; i < outputs; i++) {
                        columns += (double) b[i * rank + j] * other.b[i * other.rank + k];
                    }
                    sum += rows * columns;
                }
            }
            return scaling * other.scaling * sum;
        }

        /** The Frobenius norm of {@code scaling * B A}. */
        public double norm() {
            return Math.sqrt(Math.max(0, inner(this)));
        }
    }

    public Adapter {
        modules = Collections.unmodifiableSortedMap(new TreeMap<>(modules));
    }

    public Adapter(LoraConfig config, Map<Site, LowRank> modules) {
        this(config, new TreeMap<>(modules));
    }

    /**
     * Refuses an adapter that a device of this type could not hold.
     *
     * @throws IllegalArgumentException naming the first module whose factors are not finite there, the scaling included
     */
    public void requireFinite(Dtype dtype) {
        modules.forEach((site, factors) -> {
            if (!factors.isFinite(dtype)) {
                throw new IllegalArgumentException(
                        site + " has a weight that is not a finite number with kernels.dtype " + dtype.label()
                                + "; those of B count times the scaling of " + factors.scaling());
            }
        });
    }

    /** The largest rank of a module. */
    public int maxRank() {
        return modules.values().stream().mapToInt(LowRank::rank).max().orElse(0);
    }
}
