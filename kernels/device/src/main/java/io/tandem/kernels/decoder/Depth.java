package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.Segment;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Which rows of a call go through which layers, as {@code depth.py} wants it: all but those whose adapters skip the layer.
 * Layers with the same rows share a view of them.
 *
 * @param layers the view of each layer, -1 if no row goes through it; empty if all rows go through all layers
 * @param views all rows first
 */
record Depth(long[] layers, List<View> views) {
    /**
     * Some of the rows.
     *
     * @param rows which of all they are
     * @param windows the fine-tuning window, if it is among them
     * @param adapters that they use
     */
    record View(long[] rows, PackWindows windows, RowEncoder encoded, RowAdapters adapters) {}

    /** @param model how many layers there are */
    static Depth of(
            List<Segment> segments,
            PackWindows windows,
            PackRows pack,
            AdapterSlots adapters,
            int model,
            int capacity) {
        RowEncoder all = new RowEncoder(segments, windows, pack, capacity);
        View whole = new View(new long[0], windows, all, adapters.used(all.adapterSlots));
        // Of each segment the layers that its rows skip, and behind them those of the window.
        List<BitSet> skipped = new ArrayList<>();
        segments.forEach(segment -> skipped.add(adapters.skipped(segment.adapterSlots())));
        skipped.add(pack.packOf(windows).map(LaidPack::skipped).orElseGet(BitSet::new));
        return skipped.stream().allMatch(BitSet::isEmpty)
                ? new Depth(new long[0], List.of(whole))
                : of(segments, whole, skipped, pack, adapters, model, capacity);
    }

    private static Depth of(
            List<Segment> segments,
            View whole,
            List<BitSet> skipped,
            PackRows pack,
            AdapterSlots adapters,
            int model,
            int capacity) {
        List<View> views = new ArrayList<>(List.of(whole));
        Map<BitSet, Long> known = new LinkedHashMap<>(Map.of(new BitSet(), 0L));
        long[] layers = new long[model];
        for (int layer = 0; layer < model; layer++) {
            BitSet missing = missing(skipped, layer);
            if (!known.containsKey(missing)) {
                View view = without(missing, segments, whole, pack, adapters, capacity);
                boolean empty = view.encoded.tokens.length == 0;
                known.put(missing, empty ? -1L : views.size());
                if (!empty) {
                    views.add(view);
                }
            }
            layers[layer] = known.getOrDefault(missing, 0L);
        }
        return new Depth(layers, views);
    }

    private static BitSet missing(List<BitSet> skipped, int layer) {
        BitSet missing = new BitSet();
        for (int i = 0; i < skipped.size(); i++) {
            missing.set(i, skipped.get(i).get(layer));
        }
        return missing;
    }

    private static View without(
            BitSet missing, List<Segment> segments, View whole, PackRows pack, AdapterSlots adapters, int capacity) {
        List<Segment> left = IntStream.range(0, segments.size())
                .filter(i -> !missing.get(i))
                .mapToObj(segments::get)
                .toList();
        PackWindows windows = missing.get(segments.size()) ? PackWindows.NONE : whole.windows;
        RowEncoder encoded = new RowEncoder(left, windows, pack, capacity);
        int[] owners = whole.encoded.owners;
        long[] rows = IntStream.range(0, owners.length)
                .filter(row -> !missing.get(owners[row] == RowEncoder.WINDOW ? segments.size() : owners[row]))
                .asLongStream()
                .toArray();
        return new View(rows, windows, encoded, adapters.used(encoded.adapterSlots));
    }

    RowEncoder all() {
        return views.get(0).encoded;
    }
}
