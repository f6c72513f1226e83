package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.decoder.IterationArguments.Places;
import io.tandem.kernels.decoder.ScriptObjects.ArenaObject;
import io.tandem.kernels.decoder.ScriptObjects.CacheObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.tensor.TensorScope;
import java.util.List;
import java.util.Optional;

/** What virtual tokens with keys and values start as: the base model runs their tokens of the vocabulary as one text. */
final class PrefixStart {
    private final DecoderScript script;
    private final TensorScope scope;
    private final ModelObject weights;
    private final ModelConfig model;
    private final int capacity;

    PrefixStart(DecoderScript script, TensorScope owner, ModelObject weights, ModelConfig model, int capacity) {
        this.script = script;
        this.scope = owner;
        this.weights = weights;
        this.model = model;
        this.capacity = capacity;
    }

    /**
     * The adapter with those, if it has none of its own.
     *
     * @throws IllegalArgumentException if it has more virtual tokens than the context
     */
    PreparedAdapter fill(PreparedAdapter prepared, AdapterSlots adapters, ArenaObject arena) {
        Adapter adapter = prepared.adapter();
        Optional<Prefix> prefix = adapter.prefix().filter(own -> own instanceof KeysAndValues && own.isFresh());
        if (prefix.isEmpty()) {
            return prepared;
        }
        Prefix filled = prefix.get().with(run(prefix.get().vocabulary(), adapters, arena));
        return new PreparedAdapter(adapter.with(adapter.modules(), Optional.of(filled)), prepared.derived());
    }

    private float[] run(int[] tokens, AdapterSlots adapters, ArenaObject arena) {
        int count = tokens.length;
        if (count > capacity) {
            throw new IllegalArgumentException(count + " virtual tokens, kernels.context-tokens is " + capacity);
        }
        List<Segment> text = List.of(new Segment(0, 0, tokens, IterationInputs.BASE, Optional.empty()));
        Depth depth = Depth.of(text, PackWindows.NONE, PackRows.EMPTY, adapters, model.layers(), count);
        boolean mixed = adapters.activate(depth.all().adapterSlots);
        try (TensorScope call = scope.open()) {
            CacheObject cache = script.newCache(call, weights, 1, count, 0);
            Places places = new Places(
                    weights, cache, adapters.value(), adapters.singles(0, 0, depth), arena, script.newTeacher(call));
            new IterationCall(script, call, places, adapters, PackRows.EMPTY, model, mixed, false, 0)
                    .run(text, depth, new long[0]);
            return script.readPrefix(call, cache, count);
        }
    }
}
