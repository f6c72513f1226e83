package io.tandem.loadtest.soak;

import io.tandem.loadtest.Vitals;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** What a server held over the time, and whether it grew. */
final class Memory {
    static final double MEGA = 1 << 20;
    static final double HEAP_GROWTH = 16 * MEGA;
    static final double RSS_GROWTH = 64 * MEGA;
    static final double COUNT_GROWTH = 16;
    /** What is loaded and compiled at the beginning is not a leak. */
    static final double WARM_UP_SHARE = 0.25;

    private static final int LEAST_SAMPLES = 4;

    private final List<Double> seconds = new ArrayList<>();
    private final List<Vitals> samples = new ArrayList<>();

    void add(double second, Vitals vitals) {
        seconds.add(second);
        samples.add(vitals);
    }

    /** What has grown by more than it may. */
    List<String> growth() {
        List<String> growth = new ArrayList<>();
        check(growth, "heap", Vitals::heapBytes, HEAP_GROWTH, MEGA, "MiB");
        check(growth, "resident memory", Vitals::rssBytes, RSS_GROWTH, MEGA, "MiB");
        check(growth, "memory outside the heap", Vitals::nativeBytes, RSS_GROWTH, MEGA, "MiB");
        check(growth, "number of threads", Vitals::threads, COUNT_GROWTH, 1, "");
        check(growth, "number of open files", Vitals::files, COUNT_GROWTH, 1, "");
        return growth;
    }

    private void check(
            List<String> growth,
            String what,
            ToDoubleFunction<Vitals> value,
            double most,
            double unit,
            String unitName) {
        int from = (int) (WARM_UP_SHARE * samples.size());
        if (samples.size() - from < LEAST_SAMPLES) {
            return;
        }
        double[] x = seconds.subList(from, seconds.size()).stream()
                .mapToDouble(one -> one)
                .toArray();
        double[] y = samples.subList(from, samples.size()).stream()
                .mapToDouble(value)
                .toArray();
        double grown = slope(x, y) * (x[x.length - 1] - x[0]);
        if (grown > most) {
            growth.add(String.format(
                    Locale.ROOT,
                    "the %s has grown by %.0f %s, at most %.0f are allowed",
                    what,
                    grown / unit,
                    unitName,
                    most / unit));
        }
    }

    /** Of the straight line with the least squares. */
    static double slope(double[] x, double[] y) {
        double meanX = 0;
        double meanY = 0;
        for (int i = 0; i < x.length; i++) {
            meanX += x[i] / x.length;
            meanY += y[i] / x.length;
        }
        double both = 0;
        double square = 0;
        for (int i = 0; i < x.length; i++) {
            both += (x[i] - meanX) * (y[i] - meanY);
            square += (x[i] - meanX) * (x[i] - meanX);
        }
        return square == 0 ? 0 : both / square;
    }
}
