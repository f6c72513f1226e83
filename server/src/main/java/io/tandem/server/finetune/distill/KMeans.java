package io.tandem.server.finetune.distill;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Lloyd's algorithm from the start that k-means++ draws (Arthur and Vassilvitskii, 2007). The same points and seed have the same
 * clusters.
 */
final class KMeans {
    private static final int MOST_ROUNDS = 50;

    private final double[][] points;
    private final double[][] centres;
    private final int[] clusters;

    private KMeans(double[][] points, int count, long seed) {
        this.points = points;
        this.centres = start(points, count, new SplittableRandom(seed));
        this.clusters = new int[points.length];
        assign();
        for (int round = 0; round < MOST_ROUNDS; round++) {
            move();
            if (!assign()) {
                break;
            }
        }
    }

    /**
     * The cluster of each point, from 0.
     *
     * @param points at least one, all of one length
     * @param count of the clusters; there are fewer if fewer points differ
     */
    static int[] clusters(double[][] points, int count, long seed) {
        return new KMeans(points, count, seed).clusters;
    }

    private static double[][] start(double[][] points, int count, SplittableRandom random) {
        double[][] centres = new double[Math.min(count, points.length)][];
        double[] distances = new double[points.length];
        Arrays.fill(distances, 1);
        for (int made = 0; made < centres.length; made++) {
            double sum = Arrays.stream(distances).sum();
            if (sum == 0) {
                return Arrays.copyOf(centres, made);
            }
            centres[made] = points[drawn(distances, random.nextDouble() * sum)].clone();
            for (int i = 0; i < points.length; i++) {
                double distance = squared(points[i], centres[made]);
                distances[i] = made == 0 ? distance : Math.min(distances[i], distance);
            }
        }
        return centres;
    }

    private static int drawn(double[] weights, double at) {
        double left = at;
        int last = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] > 0) {
                last = i;
                left -= weights[i];
                if (left < 0) {
                    return i;
                }
            }
        }
        return last;
    }

    private static double squared(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return sum;
    }

    /** Whether any point changed its cluster. */
    private boolean assign() {
        boolean changed = false;
        for (int i = 0; i < points.length; i++) {
            int nearest = 0;
            double smallest = Double.POSITIVE_INFINITY;
            for (int k = 0; k < centres.length; k++) {
                double distance = squared(points[i], centres[k]);
                if (distance < smallest) {
                    smallest = distance;
                    nearest = k;
                }
            }
            changed |= clusters[i] != nearest;
            clusters[i] = nearest;
        }
        return changed;
    }

    /** A centre without points stays where it is. */
    private void move() {
        double[][] sums = new double[centres.length][points[0].length];
        int[] counts = new int[centres.length];
        for (int i = 0; i < points.length; i++) {
            counts[clusters[i]]++;
            for (int d = 0; d < points[i].length; d++) {
                sums[clusters[i]][d] += points[i][d];
            }
        }
        for (int k = 0; k < centres.length; k++) {
            for (int d = 0; counts[k] > 0 && d < sums[k].length; d++) {
                centres[k][d] = sums[k][d] / counts[k];
            }
        }
    }
}
