package io.tandem.kernels.decoder;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/** The one call that runs all forward rows of an iteration. */
record IterationCall(
        ScriptModule script, TensorScope scope, IValue weights, IValue cache, IValue adapters, IValue arena) {

    IterationOutputs run(PackWindows windows, RowEncoder rows, SamplingRows sampling, PackRows pack, boolean mixed) {
        int draws = sampling.wanted.size();
        long[] learned = RowEncoder.learned(windows, pack);
        long[] stacks = rows.stacks();
        IValue results = script.call(
                scope,
                "iterate",
                weights,
                cache,
                adapters,
                arena,
                scope.value(scope.tensor(concat(rows.tokens, rows.positions, rows.cacheRows), 3, rows.tokens.length)),
                scope.value(scope.tensor(stacks, stacks.length / rows.tokens.length, rows.tokens.length)),
                layout(windows, rows, pack),
                scope.value(scope.tensor(concat(rows.decodePlaces, rows.decodeContexts), 2, rows.decodePlaces.length)),
                scope.flag(mixed),
                indices(sampling.wanted),
                scope.value(scope.tensor(sampling.biasAt, 2, sampling.bias.length)),
                scope.value(scope.tensor(sampling.bias, sampling.bias.length)),
                scope.own(IValue.listFrom(
                        scope.tensor(SamplingRows.indices(sampling.greedy), sampling.greedy.size()),
                        scope.tensor(SamplingRows.indices(sampling.plain), sampling.plain.size()),
                        scope.tensor(SamplingRows.indices(sampling.filtered), sampling.filtered.size()))),
                scope.value(scope.tensor(sampling.options, draws, 4)),
                scope.number(sampling.top),
                scope.value(scope.tensor(learned, 2, learned.length / 2)),
                scope.flag(pack.learns()));
        IValue[] members = scope.members(results);
        return new IterationOutputs(
                draws(sampling, members[0], members[1]),
                scores(scope.floats(members[2]), learned, pack),
                learned.length / 2);
    }

    /**
     * @param found losses of the learned tokens, and 1 where they are the most likely; their rows are the first half of
     *     {@code learned}
     */
    private static SequenceScores scores(float[] found, long[] learned, PackRows pack) {
        SequenceScores scores = SequenceScores.zeros(pack.sequences());
        int tokens = found.length / 2;
        for (int i = 0; i < tokens; i++) {
            scores.add(pack.sequence((int) learned[i]), found[i], found[tokens + i] == 0);
        }
        return scores;
    }

    private IValue indices(List<Integer> values) {
        return scope.value(scope.tensor(SamplingRows.indices(values), values.size()));
    }

    private IValue layout(PackWindows windows, RowEncoder rows, PackRows pack) {
        long[] sequences = RowEncoder.flatten(pack.windows(windows.from(), windows.to()));
        return scope.own(IValue.listFrom(
                scope.numbers(RowEncoder.flatten(rows.groups)),
                scope.numbers(RowEncoder.flatten(rows.chunks)),
                scope.numbers(LongStream.concat(LongStream.of(rows.windowFrom), LongStream.of(sequences))
                        .toArray()),
                scope.numbers(rows.inferenceRows)));
    }

    private List<Draw> draws(SamplingRows sampling, IValue tokenValue, IValue logprobValue) {
        if (sampling.wanted.isEmpty()) {
            return List.of();
        }
        long[] tokens = scope.longs(tokenValue);
        float[] logprobs = sampling.top < 0 ? new float[0] : scope.floats(logprobValue);
        int width = 1 + Math.max(sampling.top, 0);
        List<Draw> draws = new ArrayList<>();
        for (int row = 0; row < sampling.wanted.size(); row++) {
            int asked = sampling.sampling(row).topLogprobs();
            int first = row * width;
            int count = Math.max(0, Math.min(asked, width - 1));
            int[] topTokens = Arrays.stream(tokens, first + 1, first + 1 + count)
                    .mapToInt(Math::toIntExact)
                    .toArray();
            float[] topLogprobs =
                    count == 0 ? new float[0] : Arrays.copyOfRange(logprobs, first + 1, first + 1 + count);
            float logprob = asked < 0 ? Float.NaN : logprobs[first];
            draws.add(new Draw((int) tokens[first], logprob, topTokens, topLogprobs));
        }
        return draws;
    }

    private static long[] concat(long[]... parts) {
        return Arrays.stream(parts).flatMapToLong(Arrays::stream).toArray();
    }
}
