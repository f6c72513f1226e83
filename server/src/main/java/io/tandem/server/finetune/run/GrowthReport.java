package io.tandem.server.finetune.run;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.scheduler.finetune.JobSink.Grown;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Tells people how the ranks of a job's adapter grew. */
final class GrowthReport {
    private static final int MOST_NAMED = 6;

    private GrowthReport() {}

    static String of(Grown grown) {
        int total = grown.now().values().stream().mapToInt(rank -> rank).sum();
        String rest = total == grown.most() ? "" : " of " + grown.most();
        SortedMap<Integer, Long> modules = grown.now().values().stream()
                .collect(Collectors.groupingBy(rank -> rank, TreeMap::new, Collectors.counting()));
        String ranks = modules.entrySet().stream()
                .map(entry -> entry.getValue() + " with " + entry.getKey())
                .collect(Collectors.joining(", "));
        return "Step " + grown.step() + ": " + grownModules(grown) + " grew. The adapter has " + total + rest
                + " ranks; modules: " + ranks + ".";
    }

    private static String grownModules(Grown grown) {
        List<String> names = grown.now().entrySet().stream()
                .filter(entry -> !entry.getValue().equals(grown.before().get(entry.getKey())))
                .map(Map.Entry::getKey)
                .map(Site::toString)
                .map(name -> name.substring("model.".length()))
                .toList();
        if (names.size() <= MOST_NAMED) {
            return String.join(", ", names);
        }
        return String.join(", ", names.subList(0, MOST_NAMED)) + " and " + (names.size() - MOST_NAMED) + " more";
    }
}
