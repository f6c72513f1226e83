package io.tandem.kernels.decoder;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.decoder.DecoderScript.Arguments;
import io.tandem.kernels.decoder.IterationArguments.Entering;
import io.tandem.kernels.decoder.IterationArguments.Inputs;
import io.tandem.kernels.decoder.IterationArguments.Keeping;
import io.tandem.kernels.decoder.IterationArguments.Loop;
import io.tandem.kernels.decoder.IterationArguments.Places;
import io.tandem.kernels.decoder.ScriptObjects.AdaptersObject;
import io.tandem.kernels.decoder.ScriptObjects.ArenaObject;
import io.tandem.kernels.decoder.ScriptObjects.CacheObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.PassageObject;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;

/** What {@code decoder.py} has for {@code loops.py}, as {@link DecoderScript} has the rest. */
record LoopScript(ScriptModule script) {
    PassageObject newPassage(TensorScope owner, ModelObject model) {
        return new PassageObject(script.call(owner, "new_passage", model.value()));
    }

    /** @return as {@link DecoderScript#iterate} */
    IValue iterateLoop(TensorScope call, PassageObject passage, Places places, Inputs inputs, Loop loop) {
        IValue[] rows = Arguments.after(loop.values(call), inputs.values(call));
        return script.call(
                call, "iterate_loop", Arguments.after(Arguments.after(rows, places.values(call)), passage.value()));
    }

    void enter(
            TensorScope call,
            PassageObject passage,
            ModelObject model,
            CacheObject cache,
            AdaptersObject adapters,
            Entering entering) {
        IValue[] entered = {passage.value(), model.value(), cache.value(), adapters.value()};
        script.call(call, "enter", Arguments.after(entering.values(call), entered));
    }

    /** @return as {@link DecoderScript#iterate} */
    IValue iterateTogether(
            TensorScope call,
            List<PassageObject> passages,
            ModelObject model,
            CacheObject cache,
            AdaptersObject adapters,
            ArenaObject arena,
            int loops) {
        return script.call(
                call,
                "iterate_together",
                Arguments.list(call, passages.stream().map(PassageObject::value)),
                model.value(),
                cache.value(),
                adapters.value(),
                arena.value(),
                call.number(loops));
    }

    /**
     * @param rows of the passage
     * @param slots where they are held
     */
    void hold(TensorScope call, PassageObject passage, CacheObject cache, long[] rows, long[] slots) {
        script.call(call, "hold", passage.value(), cache.value(), call.numbers(rows), call.numbers(slots));
    }

    void keep(
            TensorScope call,
            PassageObject passage,
            ModelObject model,
            CacheObject cache,
            AdaptersObject adapters,
            Keeping keeping) {
        IValue[] kept = {passage.value(), model.value(), cache.value(), adapters.value()};
        script.call(call, "keep", Arguments.after(keeping.values(call), kept));
    }
}
