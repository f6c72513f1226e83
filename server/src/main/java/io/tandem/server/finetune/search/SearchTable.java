package io.tandem.server.finetune.search;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What a search has found, from all its trials; each counts with the smallest loss that it had. */
public final class SearchTable {
    private SearchTable() {}

    /** The numbers of the trials that no other one beats in loss and in trained parameters. */
    public static Set<Integer> front(List<Trial> trials) {
        List<Trial> measured =
                trials.stream().filter(trial -> trial.best().isPresent()).toList();
        int[] layers = ParetoFront.layers(measured.stream()
                .map(trial -> new ParetoFront.Point(
                        trial.parameters(), trial.smallestLoss().getAsDouble()))
                .toList());
        return IntStream.range(0, layers.length)
                .filter(i -> layers[i] == 0)
                .mapToObj(i -> measured.get(i).number())
                .collect(Collectors.toSet());
    }

    /** The trial with the smallest loss, of equals the one with fewer parameters; empty if all failed. */
    public static Optional<Trial> best(List<Trial> trials) {
        return trials.stream()
                .filter(trial -> trial.best().isPresent())
                .min(Comparator.<Trial>comparingDouble(
                                trial -> trial.smallestLoss().getAsDouble())
                        .thenComparingLong(Trial::parameters));
    }

    /** A line for each trial. Epochs and steps are those of its smallest loss. */
    public static String csv(List<Trial> trials) {
        Set<Integer> front = front(trials);
        int best = best(trials).map(Trial::number).orElse(0);
        List<String> lines = new ArrayList<>();
        lines.add("trial," + String.join(",", Configuration.FIELDS)
                + ",trained_parameters,epochs,steps,validation_loss,pareto,best");
        for (Trial trial : trials) {
            Optional<Trial.Evaluation> evaluation = trial.best();
            List<String> cells = new ArrayList<>(List.of(String.valueOf(trial.number())));
            Configuration.FIELDS.forEach(
                    field -> cells.add(trial.configuration().text(field)));
            cells.add(String.valueOf(trial.parameters()));
            cells.add(evaluation.map(e -> String.valueOf(e.epochs())).orElse(""));
            cells.add(evaluation.map(e -> String.valueOf(e.steps())).orElse(""));
            cells.add(
                    evaluation.map(e -> String.valueOf(e.loss().getAsDouble())).orElse(""));
            cells.add(String.valueOf(front.contains(trial.number())));
            cells.add(String.valueOf(trial.number() == best));
            lines.add(String.join(",", cells));
        }
        return String.join("\n", lines) + "\n";
    }
}
