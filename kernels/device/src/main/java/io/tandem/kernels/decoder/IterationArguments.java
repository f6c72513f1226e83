package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.decoder.AdapterArguments.Slots;
import io.tandem.kernels.decoder.DecoderScript.Arguments;
import io.tandem.kernels.tensor.TensorScope;
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
     * @param learning how many rows with a label, the first ones, will go backward
     */
    record Inputs(PtNDArray numbers, long[] sizes, Layout layout, boolean mixed, int top, int learning)
            implements Arguments {}

    /**
     * How the rows attend to each other, as in {@code batch.py}, and which adapters they use; lists of numbers there.
     *
     * @param runs two numbers for each of {@link RowAdapters#runs}: the first row and the end
     * @param runSlots of those
     * @param masked whether rows find low-rank adapters by masks
     * @param quantized slot of the trainee over quantized weights that the window's rows use; empty if they use none
     */
    record Layout(
            long[] groups,
            long[] chunks,
            long[] windows,
            long[] observed,
            long[] runs,
            Slots runSlots,
            boolean masked,
            FullRows full,
            long[] quantized) {
        /** In the script's order. */
        IValue value(TensorScope call) {
            return call.own(IValue.listFrom(Stream.of(
                            groups,
                            chunks,
                            windows,
                            observed,
                            runs,
                            runSlots.slots(),
                            runSlots.ranks(),
                            new long[] {masked ? 1 : 0},
                            full.embedders(),
                            full.heads(),
                            full.window(),
                            quantized)
                    .map(call::numbers)
                    .toArray(IValue[]::new)));
        }
    }
}
