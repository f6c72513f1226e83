package io.tandem.scheduler.finetune;

import java.util.OptionalDouble;

/** Losses of examples, added up as a job's objective has it. */
final class LossTally {
    private final Objective objective;
    private double sum;
    private int count;
    private int gained;

    LossTally(Objective objective) {
        this.objective = objective;
    }

    /** @param reference of a pair, as in {@link JobCheckpoint#references}; of no meaning for a text */
    void add(Example example, double[] losses, double reference) {
        if (objective instanceof Objective.Preference preference) {
            double margin = PreferenceLoss.margin(preference.beta(), losses, reference);
            sum += PreferenceLoss.value(margin);
            count++;
            gained += margin > 0 ? 1 : 0;
        } else {
            sum += losses[0];
            count += example.learnedTokens();
        }
    }

    /** Learned tokens, or pairs. */
    int count() {
        return count;
    }

    double mean() {
        return sum / count;
    }

    OptionalDouble rewardAccuracy() {
        return objective instanceof Objective.Preference
                ? OptionalDouble.of((double) gained / count)
                : OptionalDouble.empty();
    }
}
