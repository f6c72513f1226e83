package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.decoder.AdapterArguments.Slots;
import io.tandem.kernels.decoder.DecoderScript.Arguments;

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
     */
    record Inputs(PtNDArray numbers, long[] sizes, Layout layout, boolean mixed, int top, boolean learn)
            implements Arguments {}

    /**
     * How the rows attend to each other, as in {@code batch.py}, and which adapters they use; lists of numbers there.
     *
     * @param runs two numbers for each of {@link RowAdapters#runs}: the first row and the end
     * @param runSlots of those
     * @param masked whether rows find low-rank adapters by masks
     */
    record Layout(
            long[] groups,
            long[] chunks,
            long[] windows,
            long[] observed,
            long[] runs,
            Slots runSlots,
            boolean masked,
            FullRows full) {}
}
