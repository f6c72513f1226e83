package io.tandem.kernels.adapter.merge;

import java.util.SplittableRandom;

/**
 * PEFT's primitives on a stack of tensors: prune each, then either add them up with their weights or elect a sign per
 * place and average over those who have it. As in PEFT the average divides by the number of adapters, not by the sum of
 * their weights, and exactly {@code int(density * entries)} of a tensor survive pruning by magnitude.
 */
final class TrimAndElect implements Combination {
    private final MergeSpec spec;

    TrimAndElect(MergeSpec spec) {
        this.spec = spec;
    }

    @Override
    public Combined combine(Tensors tensors) {
        long pruned = 0;
        for (int i = 0; i < tensors.count(); i++) {
            pruned += prune(tensors.values()[i], tensors.adapters()[i], tensors.key());
        }
        long entries = spec.method().prunes() ? (long) tensors.count() * tensors.length() : 0;
        double[] result = new double[tensors.length()];
        if (!spec.method().electsSigns()) {
            add(tensors, result);
            return new Combined(result, new Loss(pruned, entries, 0, 0, 0, 0));
        }
        long disagreeing = elect(tensors, result);
        return new Combined(result, new Loss(pruned, entries, disagreeing, result.length, 0, 0));
    }

    private long prune(double[] values, int adapter, long key) {
        double density = spec.density().orElse(1);
        return switch (spec.method().pruning()) {
            case NONE, COMPETITION -> 0;
            case MAGNITUDE -> keepLargest(values, (int) (density * values.length));
            case RANDOM -> keepRandom(values, density, new SplittableRandom(seed(spec.seed(), adapter, key)));
        };
    }

    /** Returns how many entries were dropped. */
    private static int keepLargest(double[] values, int kept) {
        if (kept >= values.length) {
            return 0;
        }
        double threshold = Double.POSITIVE_INFINITY;
        int above = 0;
        if (kept > 0) {
            double[] magnitudes = new double[values.length];
            for (int i = 0; i < values.length; i++) {
                magnitudes[i] = Math.abs(values[i]);
            }
            threshold = Selection.select(magnitudes, values.length - kept);
            for (double magnitude : magnitudes) {
                above += magnitude > threshold ? 1 : 0;
            }
        }
        int ties = kept - above;
        for (int i = 0; i < values.length; i++) {
            double magnitude = Math.abs(values[i]);
            if (magnitude < threshold || (magnitude == threshold && ties-- <= 0)) {
                values[i] = 0;
            }
        }
        return values.length - kept;
    }

    /** Returns how many entries were dropped. */
    private static int keepRandom(double[] values, double density, SplittableRandom random) {
        int dropped = 0;
        for (int i = 0; i < values.length; i++) {
            boolean kept = random.nextDouble() < density;
            values[i] = kept ? values[i] / density : 0;
            dropped += kept ? 0 : 1;
        }
        return dropped;
    }

    /** Independent draws for every adapter and tensor, whatever the order in which modules are merged. */
    private static long seed(long seed, int adapter, long key) {
        long mixed = new SplittableRandom(seed).nextLong() + key;
        return new SplittableRandom(mixed).nextLong() + adapter;
    }

    private static void add(Tensors tensors, double[] result) {
        for (int t = 0; t < tensors.count(); t++) {
            double[] values = tensors.values()[t];
            double weight = tensors.weights()[t];
            for (int i = 0; i < result.length; i++) {
                result[i] += weight * values[i];
            }
        }
    }

    /** Returns in how many places the signs disagree. */
    private long elect(Tensors tensors, double[] result) {
        long disagreeing = 0;
        for (int i = 0; i < result.length; i++) {
            double vote = 0;
            for (double[] values : tensors.values()) {
                vote += spec.majoritySign().vote(values[i]);
            }
            double sign = vote >= 0 ? 1 : -1;
            double sum = 0;
            int agreeing = 0;
            boolean against = false;
            for (int t = 0; t < tensors.count(); t++) {
                double value = tensors.values()[t][i];
                if (value * sign > 0) {
                    sum += tensors.weights()[t] * value;
                    agreeing++;
                } else if (value != 0) {
                    against = true;
                }
            }
            result[i] = sum / Math.max(1, agreeing);
            disagreeing += against && agreeing > 0 ? 1 : 0;
        }
        return disagreeing;
    }
}
