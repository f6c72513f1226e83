package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Virtual tokens of which an adapter has {@link KeysAndValues}: they are written into the KV cache, which is all that their
 * rows would do, and the rest of their segments runs.
 */
final class WrittenPrefixes {
    private final DecoderScript script;
    private final TensorScope scope;
    private final AdapterSlots adapters;
    private final CacheSlots cache;

    WrittenPrefixes(DecoderScript script, TensorScope owner, AdapterSlots adapters, CacheSlots cache) {
        this.script = script;
        this.scope = owner;
        this.adapters = adapters;
        this.cache = cache;
    }

    /** How many of a segment's tokens are written. */
    private int written(Segment segment) {
        int[] tokens = segment.tokens();
        if (tokens.length == 0 || tokens[0] >= 0) {
            return 0;
        }
        int left = adapters.virtual(segment.adapterSlots()).written() - segment.start();
        return Math.max(0, Math.min(left, tokens.length));
    }

    /**
     * What runs: all but those.
     *
     * @throws IllegalArgumentException if a segment has other virtual tokens than its adapters at its positions
     */
    IterationInputs others(IterationInputs inputs) {
        if (inputs.segments().stream().allMatch(segment -> written(segment) == 0)) {
            return inputs;
        }
        List<Segment> rest = inputs.segments().stream()
                .flatMap(segment -> rest(segment).stream())
                .toList();
        return new IterationInputs(rest, inputs.training(), inputs.oneLoop());
    }

    private Optional<Segment> rest(Segment segment) {
        int count = written(segment);
        cache.requireRoom(segment.kvSlot(), segment.start(), segment.start() + count);
        for (int i = 0; i < count; i++) {
            if (segment.tokens()[i] != Prefix.token(segment.start() + i)) {
                throw new IllegalArgumentException("token " + segment.tokens()[i] + " at " + (segment.start() + i)
                        + " of a sequence that has a virtual token there");
            }
        }
        int[] tokens = Arrays.copyOfRange(segment.tokens(), count, segment.tokens().length);
        return tokens.length == 0
                ? Optional.empty()
                : Optional.of(new Segment(
                        segment.kvSlot(),
                        segment.start() + count,
                        tokens,
                        segment.adapterSlots(),
                        segment.samplings(),
                        segment.scoring().map(own -> new Scoring(own.first() - count, own.next(), own.topLogprobs())),
                        segment.pooled(),
                        Math.min(segment.observed(), tokens.length),
                        segment.exit().map(own -> own.after(count))));
    }

    /** Writes them, once there is room in the cache. */
    void write(List<Segment> segments) {
        for (Segment segment : segments) {
            int count = written(segment);
            if (count > 0) {
                int first = segment.start();
                int slot = adapters.virtual(segment.adapterSlots()).slot();
                try (TensorScope call = scope.open()) {
                    long[] place = {slot, first, first + count, segment.kvSlot()};
                    script.writePrefix(call, adapters.value(), cache.value(), place);
                }
            }
        }
    }
}
