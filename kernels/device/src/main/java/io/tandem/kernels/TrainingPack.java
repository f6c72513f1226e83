package io.tandem.kernels;

import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.Prefix;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Sequences whose rows fill the training arena together; none attends to another.
 *
 * @param sequences in the order of their rows
 * @param purpose what the rows are for
 */
public record TrainingPack(List<Sequence> sequences, Purpose purpose) {

    public enum Purpose {
        /** Forward and backward; gradients are added to the trainee's. */
        LEARN,
        /** Forward only, for the losses. */
        MEASURE
    }

    /** Label of a position from which nothing is learned. */
    public static final int IGNORED = -100;

    /**
     * One sequence.
     *
     * @param tokens the input; if its adapters have {@linkplain Prefix virtual tokens} that run, these first
     * @param labels for each position the token that should follow it, or {@link #IGNORED}; as long as {@code tokens}
     * @param actsFrom for each of the pack's adapters the first token that it acts on; empty if all act on all
     */
    public record Sequence(int[] tokens, int[] labels, int[] actsFrom) {
        /** On which all adapters act from the start. */
        public Sequence(int[] tokens, int[] labels) {
            this(tokens, labels, new int[0]);
        }

        public Sequence {
            if (tokens.length == 0 || tokens.length != labels.length) {
                throw new IllegalArgumentException(
                        "a training sequence has " + tokens.length + " tokens and " + labels.length + " labels");
            }
        }

        /** The same after so many virtual tokens, from which nothing is learned. */
        public Sequence after(int virtual) {
            if (virtual == 0) {
                return this;
            }
            int[] ignored = new int[virtual + labels.length];
            Arrays.fill(ignored, 0, virtual, IGNORED);
            System.arraycopy(labels, 0, ignored, virtual, labels.length);
            return new Sequence(Prefix.before(virtual, tokens), ignored, shifted(virtual));
        }

        /** What acts from the start still does. */
        private int[] shifted(int by) {
            return Arrays.stream(actsFrom)
                    .map(from -> from == 0 || from == Invocation.NEVER ? from : from + by)
                    .toArray();
        }

        /**
         * The same, on which adapters with an invocation act from there on.
         *
         * @param invocations of the pack's adapters
         */
        public Sequence acting(List<Optional<Invocation>> invocations) {
            if (invocations.stream().allMatch(Optional::isEmpty)) {
                return this;
            }
            int length = promptLength();
            int[] from = invocations.stream()
                    .mapToInt(invocation ->
                            invocation.map(own -> own.start(tokens, length)).orElse(0))
                    .toArray();
            return new Sequence(tokens, labels, from);
        }

        /** How many tokens come before an invocation, if there is one; all if the sequence lacks it. */
        public int before(Optional<Invocation> invocation) {
            return invocation.isEmpty()
                    ? 0
                    : Math.min(tokens.length, invocation.get().start(tokens, promptLength()));
        }

        /** Whether one of the tokens that the last of the pack's adapters acts on has a label. */
        public boolean learnsWhereTheLastActs() {
            int from = actsFrom.length == 0 ? 0 : actsFrom[actsFrom.length - 1];
            return IntStream.range(Math.min(from, labels.length), labels.length).anyMatch(at -> labels[at] != IGNORED);
        }

        /** Tokens before the last of the texts that are learned, which a request would have; all if all is learned. */
        private int promptLength() {
            int at = labels.length - 1;
            while (at >= 0 && labels[at] == IGNORED) {
                at--;
            }
            while (at >= 0 && labels[at] != IGNORED) {
                at--;
            }
            return at < 0 ? tokens.length : at + 2;
        }
    }

    public TrainingPack {
        sequences = List.copyOf(sequences);
    }

    /** Rows of the arena that the pack fills. */
    public int rows() {
        return sequences.stream().mapToInt(sequence -> sequence.tokens().length).sum();
    }
}
