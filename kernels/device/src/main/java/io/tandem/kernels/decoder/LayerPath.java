package io.tandem.kernels.decoder;

import java.util.BitSet;
import java.util.stream.IntStream;

/**
 * The layers that the rows of a pack go through.
 *
 * @param count how many these are
 * @param first one of them
 * @param backward those that go backward, the last one first
 */
record LayerPath(int count, int first, int[] backward) {
    /**
     * @param layers of the model
     * @param skipped not all of them
     * @param lowest layer of those that learn
     */
    static LayerPath of(int layers, BitSet skipped, int lowest) {
        int[] used = IntStream.iterate(layers - 1, layer -> layer >= 0, layer -> layer - 1)
                .filter(layer -> !skipped.get(layer))
                .toArray();
        // The last one at least, so that there is a backward pass.
        int[] backward = IntStream.range(0, used.length)
                .filter(i -> i == 0 || used[i] >= lowest)
                .map(i -> used[i])
                .toArray();
        return new LayerPath(used.length, used[used.length - 1], backward);
    }

    int last() {
        return backward[0];
    }

    PackLanes lanes(PackRows pack) {
        return new PackLanes(pack, count, backward);
    }
}
