package io.tandem.kernels;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What an optimizer remembers of one adapter, to be stored as it is.
 *
 * @param steps updates made so far
 * @param tensors raw little-endian numbers by name
 */
public record OptimizerState(int steps, SortedMap<String, byte[]> tensors) {
    public OptimizerState {
        tensors = Collections.unmodifiableSortedMap(new TreeMap<>(tensors));
    }
}
