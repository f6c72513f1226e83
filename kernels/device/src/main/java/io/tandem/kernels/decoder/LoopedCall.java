package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.decoder.IterationArguments.Inputs;
import io.tandem.kernels.decoder.IterationArguments.Keeping;
import io.tandem.kernels.decoder.IterationArguments.Loop;
import io.tandem.kernels.decoder.ScriptObjects.PassageObject;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * An iteration of a recursive model from which rows may {@linkplain EarlyExit leave early}: a call for each loop, as {@code
 * loops.py} has it. A segment goes on until all of its rows have left; until then those that have stay what they
 * left with, which gives the same keys and values.
 *
 * @param call to run the rows that go on
 * @param lane that this runs in
 * @param capacity of a KV slot, in tokens
 * @param maxVirtual as in {@link RowEncoder#virtual}
 */
record LoopedCall(IterationCall call, int lane, int capacity, int maxVirtual) {

    /** Whether any row may leave, or goes on after some loops. */
    static boolean needed(List<Segment> segments) {
        return segments.stream()
                .anyMatch(segment -> segment.exit().filter(EarlyExit::matters).isPresent());
    }

    /** Rows that have gone through some loops before join the others at the next one. */
    IterationOutputs run(PackLanes.Part part) {
        List<LoopedSegment> all =
                part.segments().stream().map(LoopedSegment::new).toList();
        PassageObject passage = loops().newPassage(call.scope(), call.places().model());
        Group last = new Group(List.of(), depth(List.of(), PackWindows.NONE));
        for (int loop = 1; loop < count(); loop++) {
            Group group = next(last, all, part.windows(), loop);
            if (!group.isEmpty()) {
                List<Segment> asked =
                        group.segments.stream().map(LoopedSegment::asked).toList();
                SamplingRows sampling = call.sampling(asked, group.rows);
                long[] virtual = loop == 1 ? group.rows.all().virtual(call.adapters(), maxVirtual) : new long[0];
                Inputs inputs = call.inputs(group.rows, sampling, virtual);
                leave(group.segments, asked, sampling, iterate(passage, last, group, inputs, loop), loop);
                keep(passage, group, loop);
                last = group;
            }
        }
        Group group = next(last, all, part.windows(), count());
        if (group.isEmpty()) {
            return LoopedSegment.join(all, IterationOutputs.NONE);
        }
        List<Segment> segments =
                group.segments.stream().map(LoopedSegment::segment).toList();
        SamplingRows sampling = call.sampling(segments, group.rows);
        Inputs inputs = call.inputs(group.rows, sampling, new long[0]);
        IntBuffer results = iterate(passage, last, group, inputs, count());
        return LoopedSegment.join(all, call.outputs(segments, group.rows, sampling, results));
    }

    /** Segments in a loop, and their rows with those of the window. */
    record Group(List<LoopedSegment> segments, Depth rows) {
        boolean isEmpty() {
            return rows.all().tokens.length == 0;
        }
    }

    int count() {
        return call.config().recursion().orElseThrow().loops();
    }

    LoopScript loops() {
        return call.script().loops();
    }

    /** Those that go through a loop. */
    private Group next(Group last, List<LoopedSegment> all, PackWindows windows, int loop) {
        List<LoopedSegment> going = all.stream()
                .filter(segment -> segment.done() < loop && !segment.isOver())
                .toList();
        boolean same = loop > 1 && going.equals(last.segments);
        return same ? last : new Group(going, depth(going, windows));
    }

    Depth depth(List<LoopedSegment> segments, PackWindows windows) {
        return Depth.of(
                segments.stream().map(LoopedSegment::segment).toList(),
                windows,
                call.pack(),
                call.adapters(),
                call.config().layers(),
                capacity);
    }

    private IntBuffer iterate(PassageObject passage, Group last, Group group, Inputs inputs, int loop) {
        int block = call.config().blockLayers();
        long[] layers = {(long) block * (loop - 1), (long) block * loop};
        List<SinglesObject> singles = call.adapters().singles(lane, loop, group.rows);
        long[] rows = loop == 1 ? new long[0] : places(last, group);
        Loop own = new Loop(layers, rows, left(group));
        return IntBuffer.wrap(call.scope()
                .ints(loops().iterateLoop(call.scope(), passage, call.places().with(singles), inputs, own)));
    }

    /** Rows that have left, of segments that go on. */
    private static long[] left(Group group) {
        return IntStream.range(0, group.segments.size())
                .flatMap(i -> group.segments
                        .get(i)
                        .left()
                        .map(offset -> group.rows.all().firstRow(i) + offset))
                .asLongStream()
                .toArray();
    }

    /**
     * Lets rows leave behind a loop.
     *
     * @param asked of the segments
     */
    static void leave(
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

    /** Writes keys and values of later loops, for segments that are over. */
    void keep(PassageObject passage, Group group, int loop) {
        List<LoopedSegment> over =
                group.segments.stream().filter(LoopedSegment::isOver).toList();
        if (over.isEmpty()) {
            return;
        }
        Group leaving = new Group(over, depth(over, PackWindows.NONE));
        List<Segment> silent = over.stream().map(LoopedSegment::silent).toList();
        Inputs inputs = call.inputs(leaving.rows, call.sampling(silent, leaving.rows), new long[0]);
        List<SinglesObject> singles = call.adapters().singles(lane, count() + loop, leaving.rows);
        int first = call.config().blockLayers() * loop;
        loops().keep(
                        call.scope(),
                        passage,
                        call.places().model(),
                        call.places().cache(),
                        call.places().adapters(),
                        Keeping.of(singles, inputs, first, places(group, leaving)));
    }

    /** Where the rows of a group are among those that came before, or, behind these, the slots where they are held. */
    private static long[] places(Group before, Group after) {
        RowEncoder old = before.rows.all();
        RowEncoder rows = after.rows.all();
        return IntStream.range(0, rows.tokens.length)
                .map(row -> {
                    int owner = rows.owners[row];
                    if (owner == RowEncoder.WINDOW) {
                        return old.inferenceRows + row - rows.inferenceRows;
                    }
                    LoopedSegment segment = after.segments.get(owner);
                    int place = before.segments.indexOf(segment);
                    return place < 0
                            ? old.tokens.length + segment.segment().kvSlot()
                            : old.firstRow(place) + row - rows.firstRow(owner);
                })
                .asLongStream()
                .toArray();
    }
}
