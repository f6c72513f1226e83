package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.decoder.IterationArguments.Inputs;
import io.tandem.kernels.decoder.IterationArguments.Leaving;
import io.tandem.kernels.decoder.IterationArguments.Loop;
import io.tandem.kernels.decoder.ScriptObjects.PassageObject;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * An iteration of a recursive model from which rows may {@linkplain EarlyExit leave early}: a call for each loop, as {@code
 * loops.py} has it. A segment goes on until all of its rows have left; until then those that have are held at what they
 * left with, which gives the same keys and values.
 *
 * @param call to run the rows that go on
 * @param lane that this runs in
 */
record LoopedCall(IterationCall call, int lane, int capacity) {

    /** Whether any row may leave. */
    static boolean needed(List<Segment> segments) {
        return segments.stream().anyMatch(segment -> segment.exit().filter(EarlyExit::leaves).isPresent());
    }

    /**
     * @param depth all rows
     * @param virtual as {@link RowEncoder#virtual} gives them
     */
    IterationOutputs run(PackLanes.Part part, Depth depth, long[] virtual) {
        List<LoopedSegment> all = part.segments().stream().map(LoopedSegment::new).toList();
        PassageObject passage =
                call.script().newPassage(call.scope(), call.places().model());
        int loops = call.config().recursion().orElseThrow().loops();
        List<LoopedSegment> going = all;
        Depth rows = depth;
        long[] kept = {};
        for (int loop = 1; loop < loops; loop++) {
            List<Segment> asked = going.stream().map(LoopedSegment::asked).toList();
            SamplingRows sampling = call.sampling(asked, rows);
            Inputs inputs = call.inputs(rows, sampling, loop == 1 ? virtual : new long[0]);
            IntBuffer results = iterate(passage, going, rows, inputs, kept, loop);
            leave(going, asked, sampling, results, loop);
            List<LoopedSegment> over =
                    going.stream().filter(LoopedSegment::isOver).toList();
            if (!over.isEmpty()) {
                keep(passage, going, rows, over, loop);
            }
            List<LoopedSegment> left =
                    going.stream().filter(segment -> !segment.isOver()).toList();
            if (left.isEmpty() && part.windows().from() == part.windows().to()) {
                return LoopedSegment.join(
                        all, new IterationOutputs(List.of(), List.of(), List.of(), SequenceScores.NONE, 0));
            }
            Depth next = over.isEmpty() ? rows : depth(left, part.windows());
            kept = places(going, rows, left, next);
            going = left;
            rows = next;
        }
        List<Segment> segments = going.stream().map(LoopedSegment::segment).toList();
        SamplingRows sampling = call.sampling(segments, rows);
        IntBuffer results =
                iterate(passage, going, rows, call.inputs(rows, sampling, new long[0]), kept, loops);
        return LoopedSegment.join(all, call.outputs(segments, rows, sampling, results));
    }

    private Depth depth(List<LoopedSegment> segments, PackWindows windows) {
        return Depth.of(
                segments.stream().map(LoopedSegment::segment).toList(),
                windows,
                call.pack(),
                call.adapters(),
                call.config().layers(),
                capacity);
    }

    private IntBuffer iterate(
            PassageObject passage, List<LoopedSegment> going, Depth rows, Inputs inputs, long[] kept, int loop) {
        int block = call.config().blockLayers();
        long[] layers = {(long) block * (loop - 1), (long) block * loop};
        List<SinglesObject> singles = call.adapters().singles(lane, loop, rows);
        Loop own = new Loop(layers, kept, held(going, rows.all()));
        return IntBuffer.wrap(call.scope()
                .ints(call.script()
                        .iterateLoop(call.scope(), passage, call.places().with(singles), inputs, own)));
    }

    /** Rows that have left, of segments that go on. */
    private static long[] held(List<LoopedSegment> going, RowEncoder rows) {
        return IntStream.range(0, going.size())
                .flatMap(i -> going.get(i).left().map(offset -> rows.firstRow(i) + offset))
                .asLongStream()
                .toArray();
    }

    /**
     * Lets rows leave behind a loop.
     *
     * @param asked of the segments
     */
    private static void leave(
            List<LoopedSegment> going, List<Segment> asked, SamplingRows sampling, IntBuffer results, int loop) {
        List<Draw> draws = IterationCall.draws(sampling, results);
        float[] sure = IterationCall.floats(results, draws.size());
        int first = 0;
        for (int i = 0; i < going.size(); i++) {
            int end = first + asked.get(i).samplings().size();
            going.get(i).leave(loop, draws.subList(first, end), Arrays.copyOfRange(sure, first, end));
            first = end;
        }
    }

    /** Leaves keys and values of later loops. */
    private void keep(
            PassageObject passage, List<LoopedSegment> going, Depth rows, List<LoopedSegment> over, int loop) {
        Depth depth = depth(over, PackWindows.NONE);
        List<Segment> silent = over.stream().map(LoopedSegment::silent).toList();
        Inputs inputs = call.inputs(depth, call.sampling(silent, depth), new long[0]);
        int part = call.config().recursion().orElseThrow().loops() + loop;
        List<SinglesObject> singles = call.adapters().singles(lane, part, depth);
        int first = call.config().blockLayers() * loop;
        call.script()
                .leave(
                        call.scope(),
                        passage,
                        call.places().model(),
                        call.places().cache(),
                        call.places().adapters(),
                        Leaving.of(singles, inputs, first, places(going, rows, over, depth)));
    }

    /** Where some rows were among others. */
    private static long[] places(
            List<LoopedSegment> going, Depth rows, List<LoopedSegment> left, Depth next) {
        RowEncoder before = rows.all();
        RowEncoder after = next.all();
        return IntStream.range(0, after.tokens.length)
                .mapToLong(row -> {
                    int owner = after.owners[row];
                    return owner == RowEncoder.WINDOW
                            ? before.inferenceRows + row - after.inferenceRows
                            : before.firstRow(going.indexOf(left.get(owner))) + row - after.firstRow(owner);
                })
                .toArray();
    }
}
