package io.tandem.kernels.decoder;

import java.util.List;

/**
 * What a lane does for the pack in an iteration.
 *
 * @param from first row of the forward window
 * @param to its end; the same if there is none
 * @param backward from the last layer to the first, inside a layer from the last row to the lane's first
 */
record PackWindows(int from, int to, List<Backward> backward) {
    static final PackWindows NONE = new PackWindows(0, 0, List.of());

    /** Rows {@code [from, to)} of one layer to differentiate. */
    record Backward(int layer, int from, int to) {}
}
