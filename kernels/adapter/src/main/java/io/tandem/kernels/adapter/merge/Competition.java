package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter.Site;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;

/**
 * PCB-Merging (Du et al., 2024) over all entries of an adapter as one vector, by the authors' code. Magnitudes are
 * clipped at their outermost percents. An entry's score is how large it is in its own adapter, {@code exp(n m^2)} with
 * the clipped magnitude m spread over 0 to 1 and n adapters, times how well it agrees with the others in the same place,
 * {@code sum_j tanh(m_i m_j)} with signs. The share with the best scores is kept and weighted by how far the score is
 * above the limit; the rest is dropped.
 *
 * <p>The authors' code has two formulas for the agreement; this is the one that does not depend on the scale of the
 * adapters. Limits are exact for small adapters and estimated from a {@link Sample} otherwise.
 */
final class Competition implements Combination {
    private static final double CLIPPED_SHARE = 0.01;
    private static final double SMALLEST_DIVISOR = 1e-12;

    /** Places in the merge's list of the adapters that compete. */
    private final int[] places;

    private final double[] low;
    private final double[] high;
    private final double[] limit;
    private final double[] best;

    private Competition(int[] places) {
        this.places = places;
        this.low = new double[places.length];
        this.high = new double[places.length];
        this.limit = new double[places.length];
        this.best = new double[places.length];
    }

    /** Finds the limits that hold for all modules. */
    static Competition among(MergeSpec spec, SortedMap<Site, List<Contribution>> contributions) {
        int[] places = contributions.values().stream()
                .flatMap(List::stream)
                .mapToInt(Contribution::adapter)
                .distinct()
                .sorted()
                .toArray();
        double[][] sample = Sample.draw(spec.form(), contributions, places);
        Competition competition = new Competition(places);
        competition.findClipping(sample);
        competition.findLimits(sample, spec.density().orElseThrow());
        return competition;
    }

    private void findClipping(double[][] sample) {
        for (int i = 0; i < places.length; i++) {
            double[] magnitudes = Arrays.stream(sample[i]).map(Math::abs).toArray();
            int size = magnitudes.length;
            low[i] = Selection.select(magnitudes, (int) (size * CLIPPED_SHARE));
            high[i] = Selection.select(magnitudes, Math.max(0, (int) (size * (1 - CLIPPED_SHARE)) - 1));
        }
    }

    private void findLimits(double[][] sample, double density) {
        int size = sample[0].length;
        double[][] scores = new double[places.length][size];
        double[] entries = new double[places.length];
        double[] entryScores = new double[places.length];
        for (int k = 0; k < size; k++) {
            for (int i = 0; i < places.length; i++) {
                entries[i] = sample[i][k];
            }
            score(entries, entryScores);
            for (int i = 0; i < places.length; i++) {
                scores[i][k] = entryScores[i];
            }
        }
        for (int i = 0; i < places.length; i++) {
            best[i] = Arrays.stream(scores[i]).max().orElseThrow();
            limit[i] = Selection.select(scores[i], Math.min(size - 1, (int) (size * (1 - density))));
        }
    }

    @Override
    public Combined combine(Tensors tensors) {
        int[] slots = Arrays.stream(tensors.adapters())
                .map(place -> Arrays.binarySearch(places, place))
                .toArray();
        double[] result = new double[tensors.length()];
        double[] entries = new double[places.length];
        double[] scores = new double[places.length];
        long pruned = 0;
        for (int k = 0; k < result.length; k++) {
            Arrays.fill(entries, 0);
            for (int t = 0; t < slots.length; t++) {
                entries[slots[t]] = tensors.values()[t][k];
            }
            score(entries, scores);
            double shares = 0;
            for (int i = 0; i < places.length; i++) {
                scores[i] = spread(scores[i], limit[i], best[i]);
                shares += scores[i];
            }
            double sum = 0;
            for (int t = 0; t < slots.length; t++) {
                int i = slots[t];
                sum += tensors.weights()[t] * scores[i] * clipped(i, tensors.values()[t][k]);
                pruned += scores[i] == 0 ? 1 : 0;
            }
            result[k] = sum / Math.max(shares, SMALLEST_DIVISOR);
        }
        long seen = (long) slots.length * result.length;
        return new Combined(result, new Loss(pruned, seen, 0, 0, 0, 0));
    }

    /** The scores of one place, one per adapter; spreads the entries over -1 to 1 on the way. */
    private void score(double[] entries, double[] scores) {
        for (int i = 0; i < entries.length; i++) {
            entries[i] = Math.signum(entries[i]) * spread(Math.abs(entries[i]), low[i], high[i]);
            scores[i] = 0;
        }
        for (int i = 0; i < entries.length; i++) {
            for (int j = i; j < entries.length; j++) {
                double agreement = tanh(entries[i] * entries[j]);
                scores[i] += agreement;
                scores[j] += i == j ? 0 : agreement;
            }
        }
        for (int i = 0; i < entries.length; i++) {
            scores[i] *= Math.exp(entries.length * entries[i] * entries[i]);
        }
    }

    private double clipped(int adapter, double entry) {
        return Math.signum(entry) * Math.min(high[adapter], Math.max(low[adapter], Math.abs(entry)));
    }

    /** Where a value lies between two bounds, from 0 to 1; 0 if the bounds are the same. */
    private static double spread(double value, double from, double to) {
        return to > from ? Math.min(1, Math.max(0, (value - from) / (to - from))) : 0;
    }

    /** Arguments are from -1 to 1, where this is as good as {@link Math#tanh} and several times faster. */
    private static double tanh(double x) {
        double e = Math.exp(2 * x);
        return (e - 1) / (e + 1);
    }
}
