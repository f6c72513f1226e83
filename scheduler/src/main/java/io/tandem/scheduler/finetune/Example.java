package io.tandem.scheduler.finetune;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.scheduler.adapter.AdapterVersion;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What is learned at once; its sequences share a pack.
 *
 * @param ability what it teaches, by which validation losses are told apart; may be empty
 * @param control a frozen adapter that its rows use too, beside those below the whole job; examples of one control share
 *     packs
 * @param sequences one text, or a preferred and a rejected one
 */
public record Example(String ability, Optional<AdapterVersion> control, List<Sequence> sequences) {
    public Example {
        sequences = List.copyOf(sequences);
    }

    /** A text to learn. */
    public static Example text(String ability, Sequence sequence) {
        return new Example(ability, Optional.empty(), List.of(sequence));
    }

    /** Two answers to one prompt, the better one first. */
    public static Example pair(String ability, Sequence chosen, Sequence rejected) {
        return new Example(ability, Optional.empty(), List.of(chosen, rejected));
    }

    /** The same example under another control. */
    public Example under(Optional<AdapterVersion> other) {
        return new Example(ability, other, sequences);
    }

    /** The same after so many virtual tokens in each sequence. */
    Example after(int virtual) {
        return virtual == 0
                ? this
                : new Example(
                        ability,
                        control,
                        sequences.stream()
                                .map(sequence -> sequence.after(virtual))
                                .toList());
    }

    /** The same, on which adapters with an invocation act from there on. */
    Example acting(List<Optional<Invocation>> invocations) {
        return new Example(
                ability,
                control,
                sequences.stream().map(sequence -> sequence.acting(invocations)).toList());
    }

    /** Tokens of all sequences. */
    public int rows() {
        return sequences.stream().mapToInt(sequence -> sequence.tokens().length).sum();
    }

    /** Tokens with a label. */
    public int learnedTokens() {
        return sequences.stream().mapToInt(Example::learnedTokens).sum();
    }

    static int learnedTokens(Sequence sequence) {
        return (int) Arrays.stream(sequence.labels())
                .filter(label -> label != TrainingPack.IGNORED)
                .count();
    }
}
