package io.tandem.scheduler.finetune;

import io.tandem.kernels.SequenceScores;
import java.util.OptionalDouble;

/** Scores of examples, added up as a job's objective has it. */
final class ScoreTally {
    private final Objective objective;
    private double loss;
    private int count;
    private int examples;
    private int mistakes;
    private int exact;
    private int gained;

    ScoreTally(Objective objective) {
        this.objective = objective;
    }

    /** @param reference of a pair, as in {@link JobCheckpoint#references}; of no meaning for a text */
    void add(Example example, SequenceScores scores, double reference) {
        examples++;
        if (objective instanceof Objective.Preference preference) {
            double margin = PreferenceLoss.margin(preference.beta(), scores.losses(), reference);
            loss += PreferenceLoss.value(margin);
            count++;
            gained += margin > 0 ? 1 : 0;
        } else {
            loss += scores.losses()[0];
            count += example.learnedTokens();
            mistakes += scores.mistakes()[0];
            exact += scores.mistakes()[0] == 0 ? 1 : 0;
        }
    }

    /** Learned tokens, or pairs. */
    int count() {
        return count;
    }

    Scores scores() {
        double mean = loss / count;
        if (objective instanceof Objective.Preference) {
            return new Scores(
                    mean, OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.of((double) gained / count));
        }
        return new Scores(
                mean,
                OptionalDouble.of(1 - (double) mistakes / count),
                OptionalDouble.of((double) exact / examples),
                OptionalDouble.empty());
    }
}
