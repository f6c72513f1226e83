package io.tandem.scheduler.adapter;

import io.tandem.kernels.adapter.Adapter;
import java.util.List;
import java.util.stream.Stream;

/**
 * An immutable version of a named adapter; what a request leases when it starts and keeps until it ends.
 *
 * @param name what clients call it by
 * @param version unique in the process; two versions never share keys and values
 * @param adapter its weights
 * @param under adapters that it was trained on top of, and without which it means nothing; they stand on nothing else
 */
public record AdapterVersion(String name, long version, Adapter adapter, List<AdapterVersion> under) {
    public AdapterVersion {
        under = List.copyOf(under);
    }

    public AdapterVersion(String name, long version, Adapter adapter) {
        this(name, version, adapter, List.of());
    }

    /** Everything that answers under this name together, itself last. */
    public List<AdapterVersion> stack() {
        return Stream.concat(under.stream(), Stream.of(this)).toList();
    }
}
