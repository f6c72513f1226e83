package io.tandem.server.client;

import java.nio.charset.Charset;
import java.util.List;

/** A line of characters as high as the numbers are: of blocks where the terminal has them, else of ASCII. */
final class Sparkline {
    private static final String BLOCKS = "▁▂▃▄▅▆▇█";
    private static final String ASCII = "_.-:=+*#";

    private Sparkline() {}

    /** The line in what the locale of the process can show. */
    static String of(List<Double> numbers, int width) {
        // The default charset is UTF-8 whatever the locale, since Java 18.
        return of(numbers, width, Charset.forName(System.getProperty("native.encoding", "US-ASCII")));
    }

    /** @param width most characters; where there are more numbers, each stands for the mean of its share */
    static String of(List<Double> numbers, int width, Charset charset) {
        String levels = charset.newEncoder().canEncode(BLOCKS) ? BLOCKS : ASCII;
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
            line.append(levels.charAt((int) Math.round(height * (levels.length() - 1))));
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
