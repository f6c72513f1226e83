package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.decoder.AdapterArguments.Slots;
import io.tandem.kernels.decoder.DecoderScript.Arguments;
import java.util.List;
import java.util.stream.Stream;

/** What {@link DecoderScript} tells the script of an iteration's rows. */
interface IterationArguments {
    /**
     * What an iteration reads.
     *
     * @param numbers {@code [sum of the sizes]} int64, as in {@code inputs.py}
     * @param sizes of its sections
     * @param mixed whether rows differ in their adapters
     * @param top how many log-probabilities are reported, -1 for none
     * @param learn whether the window will go backward
     * @param distils whether it learns from the teacher
     */
    record Inputs(PtNDArray numbers, long[] sizes, Views layout, boolean mixed, int top, boolean learn, boolean distils)
            implements Arguments {}

    /**
     * The rows, all of them first.
     *
     * @param layers as {@link Depth} has them
     */
    record Views(long[] layers, List<Layout> views) {
        /** As {@code depth.py} takes them: those of all rows, the layers, and those of the other views. */
        Stream<long[]> lists() {
            return Stream.concat(
                    Stream.concat(views.get(0).lists(), Stream.of(layers)),
                    views.stream().skip(1).flatMap(Layout::lists));
        }
    }

    /**
     * What rows are paired with, views of them one after the other.
     *
     * @param slots of their adapters
     * @param ranks of these, as {@link Slots} has them
     * @param counts how many of the slots are those of each view
     * @param layers as {@link Depth} has them
     */
    record Paired(long[] slots, long[] ranks, long[] counts, long[] layers) implements Arguments {}

    /**
     * How the rows attend to each other, as in {@code batch.py}, and which adapters they use; lists of numbers there.
     *
     * @param runSlots of {@link RowAdapters#runSlots}
     */
    record Layout(long[] groups, long[] chunks, long[] windows, long[] observed, RowAdapters adapters, Slots runSlots) {
        private Stream<long[]> lists() {
            return Stream.of(
                    groups, chunks, windows, observed, adapters.runs(), runSlots.slots(), runSlots.ranks(), new long[] {
                        adapters.places(), adapters.inOrder() ? 1 : 0, adapters.masked() ? 1 : 0
                    });
        }
    }
}
