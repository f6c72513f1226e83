package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.decoder.DecoderScript.AdaptersObject;
import io.tandem.kernels.decoder.DecoderScript.ArenaObject;
import io.tandem.kernels.decoder.DecoderScript.CacheObject;
import io.tandem.kernels.decoder.DecoderScript.Draws;
import io.tandem.kernels.decoder.DecoderScript.Labels;
import io.tandem.kernels.decoder.DecoderScript.Layout;
import io.tandem.kernels.decoder.DecoderScript.ModelObject;
import io.tandem.kernels.decoder.DecoderScript.Results;
import io.tandem.kernels.decoder.DecoderScript.Rows;
import io.tandem.kernels.decoder.DecoderScript.Ways;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The one call that runs all forward rows of an iteration. */
record IterationCall(
        DecoderScript script,
        TensorScope scope,
        ModelObject model,
        CacheObject cache,
        AdaptersObject adapters,
        ArenaObject arena) {

    IterationOutputs run(PackWindows windows, RowEncoder rows, SamplingRows sampling, PackRows pack, boolean mixed) {
        int draws = sampling.wanted.size();
        long[] learned = RowEncoder.learned(windows, pack);
        long[] stacks = rows.stacks();
        Results results = script.iterate(
                scope,
                model,
                cache,
                adapters,
                arena,
                new Rows(
                        scope.tensor(concat(rows.tokens, rows.positions, rows.cacheRows), 3, rows.tokens.length),
                        scope.tensor(stacks, stacks.length / rows.tokens.length, rows.tokens.length),
                        layout(windows, rows, pack),
                        scope.tensor(concat(rows.decodePlaces, rows.decodeContexts), 2, rows.decodePlaces.length),
                        mixed),
                new Draws(
                        indices(sampling.wanted),
                        scope.tensor(sampling.biasAt, 2, sampling.bias.length),
                        scope.tensor(sampling.bias, sampling.bias.length),
                        new Ways(indices(sampling.greedy), indices(sampling.plain), indices(sampling.filtered)),
                        scope.tensor(sampling.options, draws, 4),
                        sampling.top),
                new Labels(scope.tensor(learned, 2, learned.length / 2), pack.learns()));
        return new IterationOutputs(
                draws(sampling, results.tokens(), results.logprobs()),
                scores(scope.floats(results.scores()), learned, pack),
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

    private PtNDArray indices(List<Integer> values) {
        return scope.tensor(SamplingRows.indices(values), values.size());
    }

    private Layout layout(PackWindows windows, RowEncoder rows, PackRows pack) {
        return new Layout(
                RowEncoder.flatten(rows.groups),
                RowEncoder.flatten(rows.chunks),
                rows.windowFrom,
                RowEncoder.flatten(pack.windows(windows.from(), windows.to())),
                rows.inferenceRows);
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
