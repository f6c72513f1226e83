package io.tandem.kernels;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.SingleWeights;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * An adapter that fits the device which {@linkplain DeviceModel#prepare prepared} it, with the work done that needs no
 * device. Immutable, so that any thread may make it and the engine thread only copies it.
 *
 * @param adapter its weights
 * @param derived what the slot gets of a module beside the adapter's own numbers: B transposed and multiplied by the
 *     scaling, {@code [rank, outputs]}; what factors on channels differ from one by
 */
public record PreparedAdapter(Adapter adapter, SortedMap<Site, float[]> derived) {
    public PreparedAdapter {
        derived = Collections.unmodifiableSortedMap(new TreeMap<>(derived));
    }

    /** Of host memory. */
    public long bytes() {
        long more = derived.values().stream().mapToLong(b -> b.length).sum();
        long places = adapter.modules().values().stream()
                .filter(SingleWeights.class::isInstance)
                .mapToLong(Change::numbers)
                .sum();
        return Float.BYTES * (adapter.parameters() + more) + Integer.BYTES * places;
    }
}
