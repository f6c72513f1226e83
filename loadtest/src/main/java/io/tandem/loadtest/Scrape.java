package io.tandem.loadtest;

import java.util.List;

/**
 * What {@code /metrics} said at one moment.
 *
 * @param lines in Prometheus' text format
 */
public record Scrape(List<String> lines) {

    /** The sum of a metric over those of its labels that contain a text; 0 if there is none. */
    public double sum(String name, String label) {
        return lines.stream()
                .filter(line -> line.startsWith(name + "{") || line.startsWith(name + " "))
                .filter(line -> line.contains(label))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    public double sum(String name) {
        return sum(name, "");
    }
}
