package io.tandem.server.client;

import java.util.List;

/** A line of block characters as high as the numbers are. */
final class Sparkline {
    private static final String BLOCKS = "▁▂▃▄▅▆▇█";

    private Sparkline() {}

    /** @param width most characters; where there are more numbers, each stands for the mean of its share */
    static String of(List<Double> numbers, int width) {
        double[] means = means(numbers, Math.min(width, numbers.size()));
        double least = Double.POSITIVE_INFINITY;
        double most = Double.NEGATIVE_INFINITY;
        for (double mean : means) {
            least = Math.min(least, mean);
            most = Math.max(most, mean);
        }
        StringBuilder line = new StringBuilder();
        for (double mean : means) {
            double height = most > least ? (mean - least) / (most - least) : 0;
            line.append(BLOCKS.charAt((int) Math.round(height * (BLOCKS.length() - 1))));
        }
        return line.toString();
    }

    private static double[] means(List<Double> numbers, int count) {
        double[] means = new double[count];
        for (int i = 0; i < count; i++) {
            int from = i * numbers.size() / count;
            int to = (i + 1) * numbers.size() / count;
            means[i] = numbers.subList(from, to).stream()
                    .mapToDouble(Double::doubleValue)
                    .average()
                    .orElse(0);
        }
        return means;
    }
}
