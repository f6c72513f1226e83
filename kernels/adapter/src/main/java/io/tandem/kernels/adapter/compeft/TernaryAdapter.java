package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * An adapter with ternary factors, as small in memory as its entries.
 *
 * @param config that of the adapter it was made from
 * @param modules the changed modules
 */
public record TernaryAdapter(LoraConfig config, SortedMap<Site, TernaryLowRank> modules) {
    /**
     * The factors of one module.
     *
     * @param rank r
     * @param inputs columns of A
     * @param outputs rows of B
     * @param a {@code [rank, inputs]}
     * @param b {@code [outputs, rank]}
     * @param scaling factor on the product
     */
    public record TernaryLowRank(int rank, int inputs, int outputs, TernaryTensor a, TernaryTensor b, double scaling) {
        public TernaryLowRank {
            if (a.length() != rank * inputs || b.length() != outputs * rank) {
                throw new IllegalArgumentException("factors of " + a.length() + " and " + b.length()
                        + " numbers, expected [" + rank + ", " + inputs + "] and [" + outputs + ", " + rank + "]");
            }
        }

        LowRank decode() {
            return new LowRank(rank, inputs, outputs, a.decode(), b.decode(), scaling);
        }
    }

    public TernaryAdapter {
        modules = Collections.unmodifiableSortedMap(new TreeMap<>(modules));
    }

    public TernaryAdapter(LoraConfig config, Map<Site, TernaryLowRank> modules) {
        this(config, new TreeMap<>(modules));
    }

    /** The adapter that a device can take. */
    public Adapter decode() {
        SortedMap<Site, LowRank> decoded = new TreeMap<>();
        modules.forEach((site, factors) -> decoded.put(site, factors.decode()));
        return new Adapter(config, decoded);
    }
}
