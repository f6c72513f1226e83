package io.tandem.scheduler.finetune;

import java.util.OptionalDouble;

/**
 * How well a job's examples were predicted.
 *
 * @param loss mean over learned tokens, in nats; for preferences over pairs
 * @param tokenAccuracy the share of learned tokens that were the most likely one; absent for preferences
 * @param exactMatch the share of examples all of whose learned tokens were the most likely one, which greedy decoding would
 *     answer to the letter; absent for preferences
 * @param rewardAccuracy for preferences the share of pairs whose preferred answer gained more than the rejected one
 */
public record Scores(
        double loss, OptionalDouble tokenAccuracy, OptionalDouble exactMatch, OptionalDouble rewardAccuracy) {

    /** Before anything was predicted. */
    public static final Scores NONE =
            new Scores(Double.NaN, OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty());
}
