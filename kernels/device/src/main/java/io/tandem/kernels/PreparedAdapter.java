package io.tandem.kernels;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * An adapter that fits the device which {@linkplain DeviceModel#prepare prepared} it, with the work done that needs no
 * device. Immutable, so that any thread may make it and the engine thread only copies it.
 *
 * @param adapter its weights
 * @param transposedB of each module, {@code [rank, outputs]}, without the scaling
 */
public record PreparedAdapter(Adapter adapter, SortedMap<Site, float[]> transposedB) {
    public PreparedAdapter {
        transposedB = Collections.unmodifiableSortedMap(new TreeMap<>(transposedB));
    }

    /** Of host memory. */
    public long bytes() {
        long numbers = adapter.modules().values().stream()
                .mapToLong(factors -> factors.a().length + (long) factors.b().length)
                .sum();
        long transposed = transposedB.values().stream().mapToLong(b -> b.length).sum();
        return Float.BYTES * (numbers + transposed);
    }
}
