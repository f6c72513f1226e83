package io.tandem.kernels.decoder;

import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.decoder.IterationArguments.Backward;
import io.tandem.kernels.decoder.ScriptObjects.ArenaObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.TeacherObject;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * The one call that takes rows of a lane back through layers.
 *
 * @param trainees by slot
 */
record BackwardCall(
        DecoderScript script,
        TensorScope scope,
        ModelObject weights,
        AdapterSlots adapters,
        ArenaObject arena,
        TeacherObject teacher,
        IntFunction<Trainee> trainees) {

    void run(int lane, List<PackWindows.Backward> windows, PackRows pack, ModelConfig model) {
        BackwardUnits units = BackwardUnits.of(windows, pack, model.experts().isEmpty());
        List<Trainee> learners = units.packs().stream()
                .map(own -> trainees.apply(own.traineeSlot()))
                .toList();
        // With modules in full, with layers that are skipped, and with a teacher it is the only one.
        LaidPack first = units.packs().get(0);
        int last = first.skipped().previousClearBit(model.layers() - 1);
        script.backward(
                scope,
                weights,
                adapters.value(),
                learners.stream().map(Trainee::value).toList(),
                arena,
                teacher,
                units.packs().stream()
                        .map(own -> adapters.slots(
                                Arrays.stream(own.adapterSlots()).asLongStream().toArray()))
                        .toList(),
                new Backward(
                        lane,
                        units.numbers(),
                        learns(first, FullModule.LM_HEAD) ? FullRows.learned(windows, pack, last) : new long[0],
                        learns(first, FullModule.EMBED_TOKENS)
                                ? FullRows.embedded(windows, pack, first.first())
                                : new long[0],
                        first.first(),
                        learners.get(0).taught(),
                        learners.get(0).exitWeight() > 0 ? exits(first, model) : new long[0]));
    }

    /** The last layer before the end of each loop but the last that the rows go through, -1 if there is none. */
    private static long[] exits(LaidPack pack, ModelConfig model) {
        int loops = model.recursion().orElseThrow().loops();
        return IntStream.range(1, loops)
                .mapToLong(loop -> pack.skipped().previousClearBit(loop * model.blockLayers() - 1))
                .toArray();
    }

    /** Whether the trainee has the module in full. */
    private boolean learns(LaidPack pack, FullModule module) {
        return adapters.full().of(module, new int[] {pack.traineeSlot()}) >= 0;
    }
}
