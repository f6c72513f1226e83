package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter.Site;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.SplittableRandom;

/**
 * Entries of adapters, the same ones of each, from which to estimate what holds for all. Up to {@value #SIZE} entries of
 * an adapter it has every one; beyond, they are drawn at random, and a share that is estimated is off by a thousandth.
 */
final class Sample {
    private static final int SIZE = 1 << 21;

    private Sample() {}

    /**
     * Draws.
     *
     * @param places places in the merge's list of the adapters to look at, ascending
     * @return the entries, one row per adapter
     */
    static double[][] draw(MergeForm form, SortedMap<Site, List<Contribution>> contributions, int[] places) {
        long entries = contributions.values().stream()
                .mapToLong(module -> Tensors.entries(form, module.get(0).factors()))
                .sum();
        double share = Math.min(1, (double) SIZE / entries);
        List<double[][]> parts = contributions.entrySet().parallelStream()
                .flatMap(module -> Tensors.of(form, module.getKey(), module.getValue()).stream())
                .map(tensors -> part(tensors, places, share))
                .toList();
        double[][] sample = new double[places.length][];
        for (int i = 0; i < places.length; i++) {
            int row = i;
            sample[i] = parts.stream()
                    .flatMapToDouble(part -> Arrays.stream(part[row]))
                    .toArray();
        }
        return sample;
    }

    private static double[][] part(Tensors tensors, int[] places, double share) {
        int[] entries = entries(tensors, share);
        double[][] part = new double[places.length][entries.length];
        for (int t = 0; t < tensors.count(); t++) {
            double[] row = part[Arrays.binarySearch(places, tensors.adapters()[t])];
            for (int k = 0; k < entries.length; k++) {
                row[k] = tensors.values()[t][entries[k]];
            }
        }
        return part;
    }

    private static int[] entries(Tensors tensors, double share) {
        int[] entries = new int[(int) Math.ceil(share * tensors.length())];
        Arrays.setAll(entries, k -> k);
        if (share < 1) {
            SplittableRandom random = new SplittableRandom(tensors.key());
            Arrays.setAll(entries, k -> random.nextInt(tensors.length()));
        }
        return entries;
    }
}
