package io.tandem.server.finetune;

import io.tandem.scheduler.adapter.AdapterVersion;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What a job stands on and does not change, as it was when the job was created.
 *
 * @param under below all of its examples, the lowest first
 * @param controls by label, what is below the examples of that label besides
 */
record FrozenAdapters(List<AdapterVersion> under, SortedMap<String, AdapterVersion> controls) {
    FrozenAdapters {
        under = List.copyOf(under);
        controls = Collections.unmodifiableSortedMap(new TreeMap<>(controls));
    }

    /** The most that come before an example. */
    int virtualTokens() {
        return Stream.concat(under.stream(), controls.values().stream())
                .mapToInt(version -> version.adapter().virtualTokens())
                .max()
                .orElse(0);
    }
}
