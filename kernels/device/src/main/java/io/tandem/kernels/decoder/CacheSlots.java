package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.decoder.ScriptObjects.CacheObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.tensor.TensorScope;
import java.util.List;

/**
 * The KV cache. Decode rows of neighbouring slots read as many keys as the longest of them has, so a short sequence also
 * reads what the slot's last owner left behind its end. A mask hides that, unless it is infinite or NaN; so whoever takes
 * a slot over clears what its own tokens do not overwrite.
 */
final class CacheSlots {
    private final DecoderScript script;
    private final TensorScope scope;
    private final CacheObject value;
    /** The end of what was written since the slot was last clear. */
    private final int[] ends;

    private final int capacity;

    /** @param recursive whether rows may go on with another loop in a later iteration */
    CacheSlots(DecoderScript script, TensorScope owner, ModelObject model, KernelsConfig limits, boolean recursive) {
        this.script = script;
        this.scope = owner;
        this.ends = new int[limits.kvSlots()];
        this.capacity = limits.contextTokens();
        value = script.newCache(
                owner, model, limits.kvSlots(), limits.contextTokens(), recursive ? limits.kvSlots() : 0);
    }

    CacheObject value() {
        return value;
    }

    /** Makes room for tokens that are about to be written. */
    void prepare(List<Segment> segments) {
        for (Segment segment : segments) {
            int slot = segment.kvSlot();
            int end = segment.start() + segment.tokens().length;
            if (end < ends[slot]) {
                try (TensorScope call = scope.open()) {
                    script.clearSlot(call, value, slot, end, ends[slot]);
                }
            }
            ends[slot] = end;
        }
    }

    /** @throws IllegalArgumentException unless the positions {@code [first, end)} are a slot's */
    void requireRoom(int slot, int first, int end) {
        if (slot < 0 || slot >= ends.length || first < 0 || end > capacity) {
            throw new IllegalArgumentException("positions " + first + " to " + end + " of KV slot " + slot);
        }
    }

    /** Copies positions {@code [first, end)} of one slot to another. */
    void copy(int source, int target, int first, int end) {
        boolean slots = source != target && Math.min(source, target) >= 0 && Math.max(source, target) < ends.length;
        if (!slots || first < 0 || first >= end || end > capacity) {
            throw new IllegalArgumentException(
                    "positions " + first + " to " + end + " of KV slot " + source + " to slot " + target);
        }
        ends[target] = Math.max(ends[target], end);
        try (TensorScope call = scope.open()) {
            script.copySlot(call, value, source, target, first, end);
        }
    }
}
