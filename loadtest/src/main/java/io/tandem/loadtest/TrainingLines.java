package io.tandem.loadtest;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** Lines of training files. */
public final class TrainingLines {
    private TrainingLines() {}

    /** So many of the lines, all of them before one comes again. */
    public static List<String> repeated(List<String> lines, int count, Random random) {
        List<String> order = new ArrayList<>(lines);
        List<String> chosen = new ArrayList<>();
        while (chosen.size() < count) {
            Collections.shuffle(order, random);
            chosen.addAll(order.subList(0, Math.min(order.size(), count - chosen.size())));
        }
        return chosen;
    }
}
