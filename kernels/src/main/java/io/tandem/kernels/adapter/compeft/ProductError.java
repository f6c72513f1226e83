package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.LowRank;
import io.tandem.kernels.adapter.Adapter.Site;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * How far the products of an adapter's factors are from those of another one, in the Frobenius norm relative to that
 * of the original; 0 where nothing was and nothing is. Both adapters have the same modules.
 *
 * @param modules by module
 * @param overall of all products as one vector
 */
record ProductError(SortedMap<Site, Double> modules, double overall) {
    static ProductError of(Adapter original, Adapter other) {
        SortedMap<Site, Double> modules = new TreeMap<>();
        double squares = 0;
        double energy = 0;
        for (Site site : original.modules().keySet()) {
            LowRank x = original.modules().get(site);
            LowRank y = Objects.requireNonNull(other.modules().get(site));
            double own = inner(x, x);
            double error = Math.max(0, own - 2 * inner(x, y) + inner(y, y));
            modules.put(site, relative(error, own));
            squares += error;
            energy += own;
        }
        return new ProductError(modules, relative(squares, energy));
    }

    private static double relative(double squares, double energy) {
        return squares == 0 ? 0 : Math.sqrt(squares / energy);
    }

    /** The inner product of two modules' products, without making them: {@code tr((B_x^T B_y) (A_y A_x^T))}. */
    private static double inner(LowRank x, LowRank y) {
        double sum = 0;
        for (int j = 0; j < x.rank(); j++) {
            for (int k = 0; k < y.rank(); k++) {
                double rows = 0;
                for (int i = 0; i < x.inputs(); i++) {
                    rows += (double) x.a()[j * x.inputs() + i] * y.a()[k * y.inputs() + i];
                }
                double columns = 0;
                for (int i = 0; i < x.outputs(); i++) {
                    columns += (double) x.b()[i * x.rank() + j] * y.b()[i * y.rank() + k];
                }
                sum += rows * columns;
            }
        }
        return x.scaling() * y.scaling() * sum;
    }
}
