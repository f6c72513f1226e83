package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
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
        for (Site site : original.factors().keySet()) {
            LowRank x = original.factors().get(site);
            LowRank y = Objects.requireNonNull(other.factors().get(site));
            double own = x.inner(x);
            double error = Math.max(0, own - 2 * x.inner(y) + y.inner(y));
            modules.put(site, relative(error, own));
            squares += error;
            energy += own;
        }
        return new ProductError(modules, relative(squares, energy));
    }

    private static double relative(double squares, double energy) {
        return squares == 0 ? 0 : Math.sqrt(squares / energy);
    }
}
