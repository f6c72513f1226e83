package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.decoder.AdapterArguments.Slots;
import io.tandem.kernels.decoder.DecoderScript.Arguments;
import io.tandem.kernels.tensor.TensorScope;
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
     * @param learning how many rows with a label, the first ones, will go backward
     * @param taught whether it learns from the teacher
     */
    record Inputs(PtNDArray numbers, long[] sizes, Views layout, boolean mixed, int top, int learning, boolean taught)
            implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                call.value(numbers),
                call.numbers(sizes),
                call.own(IValue.listFrom(layout.lists().map(call::numbers).toArray(IValue[]::new))),
                call.flag(mixed),
                call.number(top),
                call.number(learning),
                call.flag(taught)
            };
        }
    }

    /**
     * Windows of a lane that go backward.
     *
     * @param units as {@link BackwardUnits} encodes them
     * @param learned rows and labels of {@link FullRows#learned}
     * @param embedded rows and tokens of {@link FullRows#embedded}
     * @param first the first layer that the rows go through
     * @param taught whether they learn from the teacher
     */
    record Backward(int lane, long[] units, long[] learned, long[] embedded, int first, boolean taught)
            implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                call.number(lane),
                call.numbers(units),
                call.numbers(learned),
                call.numbers(embedded),
                call.number(first),
                call.flag(taught)
            };
        }
    }

    /**
     * The rows, all of them first.
     *
     * @param full which modules in full they use: before and behind the layers, so whatever layers they skip
     * @param layers as {@link Depth} has them
     */
    record Views(List<Layout> views, FullRows full, long[] layers) {
        /** As {@code depth.py} takes them: those of all rows, modules in full, the layers, and those of the other views. */
        Stream<long[]> lists() {
            return Stream.of(
                            views.get(0).lists(),
                            Stream.of(full.embedders(), full.heads(), full.window(), layers),
                            views.stream().skip(1).flatMap(Layout::lists))
                    .flatMap(lists -> lists);
        }
    }

    /**
     * How the rows attend to each other, as in {@code batch.py}, and which adapters they use; lists of numbers there.
     *
     * @param runs two numbers for each of {@link RowAdapters#runs}: the first row and the end
     * @param runSlots of those
     * @param own slot of the trainee with weights of its own that the window's rows use; empty if they use none
     */
    record Layout(
            long[] groups, long[] chunks, long[] windows, long[] observed, long[] runs, Slots runSlots, long[] own) {
        /** In the script's order. */
        Stream<long[]> lists() {
            return Stream.of(groups, chunks, windows, observed, runs, runSlots.slots(), runSlots.ranks(), own);
        }
    }
}
