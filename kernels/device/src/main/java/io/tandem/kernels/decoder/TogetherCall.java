package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.decoder.IterationArguments.Entering;
import io.tandem.kernels.decoder.IterationArguments.Inputs;
import io.tandem.kernels.decoder.LoopedCall.Group;
import io.tandem.kernels.decoder.ScriptObjects.PassageObject;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import io.tandem.kernels.model.ModelConfig;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Continuous depth-wise batching (Bae et al., 2024): an iteration in which each decode row of a recursive model goes through
 * one loop, whichever that is, and all share the products with the block's weights. So who has left makes place at once for
 * the next token, which goes through the first loop while others are in later ones.
 *
 * @param looped what rows in one loop have in common with it
 */
record TogetherCall(LoopedCall looped) {

    /** @throws IllegalArgumentException if rows of the iteration cannot go through one loop only */
    static void check(IterationInputs inputs, ModelConfig model) {
        if (model.recursion().isEmpty()
                || model.experts().isPresent()
                || inputs.training().isPresent()
                || !inputs.segments().stream().allMatch(TogetherCall::decodes)) {
            throw new IllegalArgumentException(
                    "only decode rows of recursive models without experts go through one loop alone");
        }
    }

    private static boolean decodes(Segment segment) {
        return segment.tokens().length == 1
                && segment.tokens()[0] >= 0
                && segment.samplings().size() == 1
                && segment.scoring().isEmpty()
                && !segment.pooled()
                && segment.observed() == 0;
    }

    /** Rows in one loop, with what is asked of them. */
    private record Entered(Group group, PassageObject passage, List<Segment> asked, SamplingRows sampling) {}

    IterationOutputs run(List<Segment> segments) {
        List<LoopedSegment> all = segments.stream().map(LoopedSegment::new).toList();
        SortedMap<Integer, List<LoopedSegment>> byLoop =
                all.stream().collect(Collectors.groupingBy(LoopedSegment::done, TreeMap::new, Collectors.toList()));
        IterationCall call = looped.call();
        SortedMap<Integer, Entered> entered = new TreeMap<>();
        byLoop.forEach((loop, own) -> entered.put(loop, enter(loop, own)));
        IntBuffer results = IntBuffer.wrap(call.scope()
                .ints(looped.loops()
                        .iterateTogether(
                                call.scope(),
                                entered.values().stream().map(Entered::passage).toList(),
                                call.places().model(),
                                call.places().cache(),
                                call.places().adapters(),
                                call.places().arena(),
                                looped.count())));
        entered.forEach((loop, own) -> apply(loop, own, results));
        List<Draw> draws = all.stream().map(LoopedSegment::drawn).toList();
        return new IterationOutputs(draws, List.of(), List.of(), SequenceScores.NONE, 0);
    }

    private boolean isLast(int loop) {
        return loop + 1 == looped.count();
    }

    /** @param loop from 0 */
    private Entered enter(int loop, List<LoopedSegment> segments) {
        IterationCall call = looped.call();
        Group group = new Group(segments, looped.depth(segments, PackWindows.NONE));
        List<Segment> asked = segments.stream()
                .map(isLast(loop) ? LoopedSegment::segment : LoopedSegment::asked)
                .toList();
        SamplingRows sampling = call.sampling(asked, group.rows());
        Inputs inputs = call.inputs(group.rows(), sampling, new long[0]);
        PassageObject passage =
                looped.loops().newPassage(call.scope(), call.places().model());
        List<SinglesObject> singles = call.adapters().singles(looped.lane(), 2 * looped.count() + loop, group.rows());
        looped.loops()
                .enter(
                        call.scope(),
                        passage,
                        call.places().model(),
                        call.places().cache(),
                        call.places().adapters(),
                        Entering.of(singles, inputs, loop, slots(group)));
        return new Entered(group, passage, asked, sampling);
    }

    /** Of each row. */
    private static long[] slots(Group group) {
        RowEncoder rows = group.rows().all();
        long[] slots = new long[rows.tokens.length];
        for (int row = 0; row < slots.length; row++) {
            slots[row] = group.segments().get(rows.owners[row]).segment().kvSlot();
        }
        return slots;
    }

    private void apply(int loop, Entered entered, IntBuffer results) {
        List<LoopedSegment> segments = entered.group.segments();
        if (isLast(loop)) {
            List<Draw> draws = IterationCall.draws(entered.sampling, results);
            for (int i = 0; i < segments.size(); i++) {
                segments.get(i).finish(draws.get(i));
            }
            return;
        }
        LoopedCall.leave(segments, entered.asked, entered.sampling, results, loop + 1);
        looped.keep(entered.passage, entered.group, loop + 1);
        hold(entered);
    }

    private void hold(Entered entered) {
        IterationCall call = looped.call();
        RowEncoder rows = entered.group.rows().all();
        long[] slots = slots(entered.group);
        int[] going = IntStream.range(0, slots.length)
                .filter(row -> !entered.group.segments().get(rows.owners[row]).isOver())
                .toArray();
        if (going.length > 0) {
            long[] own = Arrays.stream(going).asLongStream().toArray();
            long[] where = Arrays.stream(going).mapToLong(row -> slots[row]).toArray();
            looped.loops().hold(call.scope(), entered.passage, call.places().cache(), own, where);
        }
    }
}
