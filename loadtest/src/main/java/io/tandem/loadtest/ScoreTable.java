package io.tandem.loadtest;

import java.io.PrintStream;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Shares in percent by row and column: the mean of all that were added to a cell, with the lowest and the highest. */
public final class ScoreTable {
    private static final double PERCENT = 100;

    private final Map<String, Map<String, DoubleSummaryStatistics>> rows = new LinkedHashMap<>();

    public void add(String row, String column, double share) {
        rows.computeIfAbsent(row, key -> new LinkedHashMap<>())
                .computeIfAbsent(column, key -> new DoubleSummaryStatistics())
                .accept(PERCENT * share);
    }

    /** The mean of percentages, with the lowest and the highest. */
    public static String cell(DoubleSummaryStatistics percent) {
        return String.format(
                Locale.ROOT, "%.0f %% (%.0f–%.0f)", percent.getAverage(), percent.getMin(), percent.getMax());
    }

    /** Prints it in Markdown; the columns are those of the first row. */
    public void print(PrintStream out, String corner) {
        if (rows.isEmpty()) {
            return;
        }
        Map<String, DoubleSummaryStatistics> first = rows.values().iterator().next();
        out.println();
        out.println("| " + corner + " | " + String.join(" | ", first.keySet()) + " |");
        out.println("|---".repeat(first.size() + 1) + "|");
        rows.forEach((row, cells) -> {
            StringBuilder line = new StringBuilder("| " + row + " |");
            for (String column : first.keySet()) {
                line.append(" ")
                        .append(cell(cells.getOrDefault(column, new DoubleSummaryStatistics())))
                        .append(" |");
            }
            out.println(line);
        });
    }
}
