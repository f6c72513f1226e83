package io.tandem.server.finetune.search;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Successive halving (Jamieson and Talwalkar, 2016; the inner loop of Hyperband, Li et al., 2018): all trials are trained
 * for a few epochs, the better half for twice as many, and so on. A trial goes on where it stopped, so every rung costs about
 * as much as the first.
 *
 * <p>With two objectives the better half is that of nondominated sorting (Schmucker et al., 2021, MO-ASHA); among trials of
 * one front the smaller loss is better, so the trial with the smallest loss is always promoted.
 *
 * @param trials of the first rung
 * @param epochs of the last rung
 */
public record Halving(int trials, int epochs) {

    /**
     * The next training.
     *
     * @param trial its number, from 1; the first new one if none has it
     * @param rung from 0
     * @param epochs from the trial's start
     */
    public record Task(int trial, int rung, int epochs) {}

    /** Trainings of growing length; the last has one trial if there are epochs enough. */
    int rungs() {
        return Math.min(log2(trials), log2(epochs)) + 1;
    }

    private static int log2(int number) {
        return Integer.SIZE - 1 - Integer.numberOfLeadingZeros(number);
    }

    /** Epochs of a rung, those of the rungs before included. */
    int epochs(int rung) {
        return epochs >> (rungs() - 1 - rung);
    }

    /** Most trials of a rung. */
    int places(int rung) {
        return trials >> rung;
    }

    /**
     * What to train next; empty if everything is done.
     *
     * @param tried in the order of their numbers
     */
    public Optional<Task> next(List<Trial> tried) {
        int waiting = IntStream.range(0, tried.size())
                .filter(i -> tried.get(i).evaluations().isEmpty())
                .findFirst()
                .orElse(tried.size());
        if (waiting < trials) {
            return Optional.of(new Task(waiting + 1, 0, epochs(0)));
        }
        for (int rung = 1; rung < rungs(); rung++) {
            int at = rung;
            Optional<Trial> next = promoted(tried, rung).stream()
                    .filter(trial -> trial.evaluations().size() <= at)
                    .findFirst();
            if (next.isPresent()) {
                return Optional.of(new Task(next.get().number(), rung, epochs(rung)));
            }
        }
        return Optional.empty();
    }

    /** The trials of a rung above the first, the best first; those of the rung below have all ended. */
    List<Trial> promoted(List<Trial> tried, int rung) {
        List<Trial> below =
                tried.stream().filter(trial -> trial.loss(rung - 1).isPresent()).toList();
        int[] layers = ParetoFront.layers(below.stream()
                .map(trial -> new ParetoFront.Point(
                        trial.parameters(), trial.loss(rung - 1).getAsDouble()))
                .toList());
        return IntStream.range(0, below.size())
                .boxed()
                .sorted(Comparator.<Integer>comparingInt(i -> layers[i])
                        .thenComparingDouble(i -> below.get(i).loss(rung - 1).getAsDouble()))
                .limit(places(rung))
                .map(below::get)
                .toList();
    }

    /** Whether a trial may be trained in the rung of the next task, or above. */
    public boolean goesOn(Trial trial, Task next, List<Trial> tried) {
        return next.rung() == 0 || promoted(tried, next.rung()).contains(trial);
    }
}
