package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.decoder.AdapterArguments.Slots;
import io.tandem.kernels.decoder.DecoderScript.Arguments;
import io.tandem.kernels.decoder.ScriptObjects.AdaptersObject;
import io.tandem.kernels.decoder.ScriptObjects.ArenaObject;
import io.tandem.kernels.decoder.ScriptObjects.CacheObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import io.tandem.kernels.decoder.ScriptObjects.TeacherObject;
import io.tandem.kernels.tensor.TensorScope;
import java.util.List;
import java.util.stream.Stream;

/** What {@link DecoderScript} tells the script of an iteration's rows. */
interface IterationArguments {
    /**
     * What rows go through, and what they leave something in.
     *
     * @param singles by view
     */
    record Places(
            ModelObject model,
            CacheObject cache,
            AdaptersObject adapters,
            List<SinglesObject> singles,
            ArenaObject arena,
            TeacherObject teacher)
            implements Arguments {
        /** With those of other rows. */
        Places with(List<SinglesObject> others) {
            return new Places(model, cache, adapters, others, arena, teacher);
        }

        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                model.value(),
                cache.value(),
                adapters.value(),
                IterationArguments.singles(call, singles),
                arena.value(),
                teacher.value()
            };
        }
    }

    /**
     * What an iteration reads.
     *
     * @param numbers {@code [sum of the sizes]} int64, as in {@code inputs.py}
     * @param sizes of its sections
     * @param mixed whether rows differ in their adapters
     * @param top how many log-probabilities are reported, -1 for none
     * @param learning how many rows with a label, the first ones, will go backward
     * @param taught whether it learns from the teacher
     * @param exits weight of what would be drawn before a recursive model's last loop; 0 if that does not learn
     */
    record Inputs(
            PtNDArray numbers,
            long[] sizes,
            Views layout,
            boolean mixed,
            int top,
            int learning,
            boolean taught,
            double exits)
            implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                call.value(numbers),
                call.numbers(sizes),
                layout.value(call),
                call.flag(mixed),
                call.number(top),
                call.number(learning),
                call.flag(taught),
                call.number(exits)
            };
        }
    }

    /**
     * One of a recursive model's loops, as {@code loops.py} has it.
     *
     * @param layers the first one, and the end
     * @param rows which of the last call's rows go on, and behind those, by slot, rows that are held since earlier iterations;
     *     empty in the first loop
     * @param left those of them that have left, and stay what they are
     */
    record Loop(long[] layers, long[] rows, long[] left) implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {call.numbers(layers), call.numbers(rows), call.numbers(left)};
        }
    }

    /**
     * Rows that go through one of a recursive model's loops beside others in other loops.
     *
     * @param singles as in {@link Places}
     * @param numbers as in {@link Inputs}, and so are sizes, layout, mixed and top
     * @param loop that they go through, from 0
     * @param slots where they are held since the loop before
     */
    record Entering(
            List<SinglesObject> singles,
            PtNDArray numbers,
            long[] sizes,
            Views layout,
            boolean mixed,
            int top,
            int loop,
            long[] slots)
            implements Arguments {
        static Entering of(List<SinglesObject> singles, Inputs inputs, int loop, long[] slots) {
            return new Entering(
                    singles, inputs.numbers, inputs.sizes, inputs.layout, inputs.mixed, inputs.top, loop, slots);
        }

        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                IterationArguments.singles(call, singles),
                call.value(numbers),
                call.numbers(sizes),
                layout.value(call),
                call.flag(mixed),
                call.number(top),
                call.number(loop),
                call.numbers(slots)
            };
        }
    }

    /**
     * Rows that have left a recursive model early, of which keys and values are kept.
     *
     * @param singles as in {@link Places}
     * @param numbers as in {@link Inputs}, and so are sizes, layout and mixed
     * @param first layer that they do not go through any more
     * @param rows as in {@link Loop}
     */
    record Keeping(
            List<SinglesObject> singles,
            PtNDArray numbers,
            long[] sizes,
            Views layout,
            boolean mixed,
            int first,
            long[] rows)
            implements Arguments {
        static Keeping of(List<SinglesObject> singles, Inputs inputs, int first, long[] rows) {
            return new Keeping(singles, inputs.numbers, inputs.sizes, inputs.layout, inputs.mixed, first, rows);
        }

        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                IterationArguments.singles(call, singles),
                call.value(numbers),
                call.numbers(sizes),
                layout.value(call),
                call.flag(mixed),
                call.number(first),
                call.numbers(rows)
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
     * @param exits the layers that get the gradients of what would be drawn behind each loop but the last; none if that
     *     does not learn
     */
    record Backward(int lane, long[] units, long[] learned, long[] embedded, int first, boolean taught, long[] exits)
            implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {
                call.number(lane),
                call.numbers(units),
                call.numbers(learned),
                call.numbers(embedded),
                call.number(first),
                call.flag(taught),
                call.numbers(exits)
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

        IValue value(TensorScope call) {
            return Arguments.list(call, lists().map(call::numbers));
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

    private static IValue singles(TensorScope call, List<SinglesObject> byView) {
        return Arguments.list(call, byView.stream().map(SinglesObject::value));
    }
}
