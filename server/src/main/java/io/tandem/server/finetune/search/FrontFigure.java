package io.tandem.server.finetune.search;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The trials of a search as an SVG: validation loss over trained parameters, and the Pareto front through the best of them. Trials
 * with losses far above all others are at the upper edge.
 */
public final class FrontFigure {
    private static final double WIDTH = 720;
    private static final double HEIGHT = 440;
    private static final double LEFT = 80;
    private static final double RIGHT = 30;
    private static final double TOP = 40;
    private static final double BOTTOM = 60;
    private static final int TICKS = 4;
    /** A loss is astray if it is so many times as far from the smallest as the median is. */
    private static final double FAR = 3;

    private final List<Trial> trials;
    private final Set<Integer> front;
    private final double lowestLoss;
    private final double lossRange;
    private final double lowestSize;
    private final double sizeRange;

    private FrontFigure(List<Trial> all) {
        this.trials = all.stream().filter(trial -> trial.best().isPresent()).toList();
        this.front = SearchTable.front(all);
        this.lowestLoss = trials.stream().mapToDouble(FrontFigure::loss).min().orElse(0);
        this.lossRange = range(highestLoss() - lowestLoss);
        this.lowestSize = trials.stream().mapToDouble(FrontFigure::size).min().orElse(0);
        this.sizeRange =
                range(trials.stream().mapToDouble(FrontFigure::size).max().orElse(0) - lowestSize);
    }

    /** Trials without a loss are left out. */
    public static String svg(List<Trial> trials) {
        return new FrontFigure(trials).draw();
    }

    /** Of what is drawn in its place; a trial that went astray would press all others together. */
    private double highestLoss() {
        double[] losses =
                trials.stream().mapToDouble(FrontFigure::loss).sorted().toArray();
        if (losses.length == 0) {
            return 0;
        }
        double onFront = trials.stream()
                .filter(trial -> front.contains(trial.number()))
                .mapToDouble(FrontFigure::loss)
                .max()
                .orElse(0);
        double usual = lowestLoss + FAR * (losses[losses.length / 2] - lowestLoss);
        return Math.min(losses[losses.length - 1], Math.max(onFront, usual));
    }

    private static double range(double range) {
        return range > 0 ? range : 1;
    }

    private static double loss(Trial trial) {
        return trial.smallestLoss().orElseThrow();
    }

    private static double size(Trial trial) {
        return Math.log10(Math.max(1.0, (double) trial.parameters()));
    }

    private double x(double size) {
        return LEFT + (size - lowestSize) / sizeRange * (WIDTH - LEFT - RIGHT);
    }

    private double y(double loss) {
        double place = Math.min(1, (loss - lowestLoss) / lossRange);
        return HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM);
    }

    private String draw() {
        StringBuilder svg = new StringBuilder(text(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\""
                        + " font-size=\"12\">%n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n",
                WIDTH, HEIGHT));
        label(svg, WIDTH / 2, 20, "middle", "Validation loss over trained parameters; the line is the Pareto front");
        axes(svg);
        svg.append(
                text("<polyline points=\"%s\" fill=\"none\" stroke=\"#d62728\" stroke-width=\"1.5\"/>%n", frontLine()));
        trials.forEach(trial -> mark(svg, trial));
        return svg.append("</svg>\n").toString();
    }

    private void axes(StringBuilder svg) {
        double floor = HEIGHT - BOTTOM + 12;
        svg.append(text(
                "<path d=\"M%.1f %.1fV%.1fH%.1f\" fill=\"none\" stroke=\"#444\"/>%n",
                LEFT - 12, TOP - 12, floor, WIDTH - RIGHT + 12));
        for (int tick = 0; tick <= TICKS; tick++) {
            double size = lowestSize + sizeRange * tick / TICKS;
            double loss = lowestLoss + lossRange * tick / TICKS;
            label(svg, x(size), floor + 16, "middle", text("%,d", Math.round(Math.pow(10, size))));
            label(svg, LEFT - 18, y(loss) + 4, "end", text("%.3f", loss));
        }
        label(svg, WIDTH / 2, HEIGHT - 12, "middle", "trained parameters (logarithmic)");
    }

    private String frontLine() {
        return trials.stream()
                .filter(trial -> front.contains(trial.number()))
                .sorted(Comparator.comparingLong(Trial::parameters))
                .map(trial -> text("%.1f,%.1f", x(size(trial)), y(loss(trial))))
                .collect(Collectors.joining(" "));
    }

    private void mark(StringBuilder svg, Trial trial) {
        boolean best = front.contains(trial.number());
        svg.append(text(
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"><title>trial %d: %s; loss %.4f, %,d parameters</title></circle>%n",
                x(size(trial)),
                y(loss(trial)),
                best ? "#d62728" : "#9aa5b1",
                trial.number(),
                trial.configuration(),
                loss(trial),
                trial.parameters()));
        if (best) {
            label(svg, x(size(trial)) + 6, y(loss(trial)) - 6, "start", String.valueOf(trial.number()));
        }
    }

    private static void label(StringBuilder svg, double x, double y, String anchor, String content) {
        svg.append(text("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n", x, y, anchor, content));
    }

    private static String text(String format, Object... values) {
        return String.format(Locale.ROOT, format, values).replace("\r\n", "\n");
    }
}
