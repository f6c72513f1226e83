package io.tandem.loadtest.templates;

/** How the pairs of one template, or of all, came out. */
final class Count {
    private int pairs;
    private int same;
    private int refused;
    private int deviations;
    private int differences;

    void add(Verdict verdict) {
        pairs++;
        switch (verdict) {
            case SAME -> same++;
            case REFUSED -> refused++;
            case DEVIATION -> deviations++;
            case DIFFERENCE -> differences++;
        }
    }

    int differences() {
        return differences;
    }

    static String heading() {
        return "%-28s %6s %6s %8s %10s %7s".formatted("template", "pairs", "same", "refused", "deviations", "differ");
    }

    String row(String name) {
        return "%-28s %6d %6d %8d %10d %7d".formatted(name, pairs, same, refused, deviations, differences);
    }
}
