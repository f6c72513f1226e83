package io.tandem.server.finetune.search;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which of some points are the best compromises between two objectives, both of which should be small: the nondominated
 * sorting of NSGA-II (Deb et al., 2002).
 */
final class ParetoFront {
    private ParetoFront() {}

    record Point(double first, double second) {
        /** No worse in both objectives and better in one. */
        boolean dominates(Point other) {
            return first <= other.first && second <= other.second && (first < other.first || second < other.second);
        }
    }

    /** Of each point how many fronts have to be taken away until nothing dominates it; 0 is the Pareto front itself. */
    static int[] layers(List<Point> points) {
        int[] layers = new int[points.size()];
        Arrays.fill(layers, -1);
        int placed = 0;
        for (int layer = 0; placed < layers.length; layer++) {
            int[] rest =
                    IntStream.range(0, layers.length).filter(i -> layers[i] < 0).toArray();
            for (int i : rest) {
                Point point = points.get(i);
                if (Arrays.stream(rest).noneMatch(j -> points.get(j).dominates(point))) {
                    layers[i] = layer;
                    placed++;
                }
            }
        }
        return layers;
    }
}
