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
 * @param scaledB of each module that has factors, B transposed and multiplied by the scaling, {@code [rank, outputs]}
 */
public record PreparedAdapter(Adapter adapter, SortedMap<Site, float[]> scaledB) {
    public PreparedAdapter {
        scaledB = Collections.unmodifiableSortedMap(new TreeMap<>(scaledB));
    }

    /** Of host memory. */
    public long bytes() {
        long scaled = scaledB.values().stream().mapToLong(b -> b.length).sum();
        return Float.BYTES * (adapter.parameters() + scaled);
    }
}
