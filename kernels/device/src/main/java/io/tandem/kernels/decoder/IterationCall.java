package io.tandem.kernels.decoder;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.decoder.IterationArguments.Inputs;
import io.tandem.kernels.decoder.IterationArguments.Layout;
import io.tandem.kernels.decoder.IterationArguments.Places;
import io.tandem.kernels.decoder.IterationArguments.Views;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.tensor.TensorScope;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * The one call that runs all forward rows of an iteration.
 *
 * @param mixed whether the rows of all lanes together differ in their adapters
 * @param taught whether the window learns from the teacher
 * @param exits as in {@link Inputs}
 */
record IterationCall(
        DecoderScript script,
        TensorScope scope,
        Places places,
        AdapterSlots adapters,
        PackRows pack,
        ModelConfig config,
        boolean mixed,
        boolean taught,
        double exits) {

    /**
     * @param segments those of the rows
     * @param depth the rows
     * @param virtual as {@link RowEncoder#virtual} gives them
     */
    IterationOutputs run(List<Segment> segments, Depth depth, long[] virtual) {
        SamplingRows sampling = sampling(segments, depth);
        IValue results = script.iterate(scope, places, inputs(depth, sampling, virtual));
        return outputs(segments, depth, sampling, IntBuffer.wrap(scope.ints(results)));
    }

    /** @param segments those of the rows, with what is wanted of them now */
    SamplingRows sampling(List<Segment> segments, Depth depth) {
        return new SamplingRows(segments, depth.all().lastRows, config.vocab());
    }

    /** What the script reads. */
    Inputs inputs(Depth depth, SamplingRows sampling, long[] virtual) {
        RowEncoder rows = depth.all();
        PackWindows windows = depth.views().get(0).windows();
        FullRows full = FullRows.of(rows, sampling, windows, pack, adapters);
        Staging staging = new Staging(
                concat(concat(sampling.options, sampling.bias), sampling.repeated),
                concat(rows.tokens, rows.positions),
                Arrays.copyOf(rows.cacheRows, rows.inferenceRows),
                rows.stacks(),
                concat(rows.decodePlaces, rows.decodeContexts),
                SamplingRows.indices(sampling.wanted),
                SamplingRows.indices(sampling.plain),
                SamplingRows.indices(sampling.filtered),
                sampling.biasAt,
                sampling.repeatedAt,
                concat(SamplingRows.indices(sampling.scored), SamplingRows.indices(sampling.scoredTokens)),
                RowEncoder.learned(windows, pack),
                SamplingRows.indices(sampling.limited),
                sampling.allowed,
                SamplingRows.indices(sampling.pooled),
                virtual,
                full.embedded(),
                full.headed(),
                singleWeights(rows));
        depth.views().stream().skip(1).forEach(view -> staging.add(sections(view)));
        return new Inputs(
                staging.tensor(scope),
                staging.sizes(),
                new Views(depth.views().stream().map(this::layout).toList(), full, depth.layers()),
                mixed,
                sampling.top,
                RowEncoder.learning(windows, pack),
                taught,
                exits);
    }

    /** @param results behind the last layer */
    IterationOutputs outputs(List<Segment> segments, Depth depth, SamplingRows sampling, IntBuffer results) {
        Iterator<Draw> reported = draws(sampling, results).iterator();
        List<Draw> draws = new ArrayList<>();
        List<List<Draw>> scored = new ArrayList<>();
        for (Segment segment : segments) {
            segment.scoring()
                    .ifPresent(scoring -> scored.add(Stream.generate(reported::next)
                            .limit(scoring.next().length)
                            .toList()));
            segment.samplings().forEach(drawn -> draws.add(reported.next()));
        }
        List<float[]> states = new ArrayList<>();
        for (int i = 0; i < sampling.pooled.size(); i++) {
            states.add(floats(results, config.hidden()));
        }
        List<float[]> observed = new ArrayList<>();
        segments.stream()
                .filter(segment -> segment.observed() > 0)
                .forEach(segment ->
                        observed.add(floats(results, segment.observed() * 2 * config.layers() * config.hidden())));
        long[] learned = RowEncoder.learned(depth.views().get(0).windows(), pack);
        return new IterationOutputs(
                draws, scored, states, observed, scores(learned, results, pack), learned.length / 2);
    }

    /** What is read of some of the rows. */
    private long[][] sections(Depth.View view) {
        RowEncoder rows = view.encoded();
        return new long[][] {
            view.rows(),
            Arrays.copyOf(rows.cacheRows, rows.inferenceRows),
            rows.stacks(),
            concat(rows.decodePlaces, rows.decodeContexts),
            singleWeights(rows)
        };
    }

    private long[] singleWeights(RowEncoder rows) {
        return mixed ? adapters.rowsWithSingleWeights(rows.adapterSlots) : new long[0];
    }

    private Layout layout(Depth.View view) {
        RowEncoder rows = view.encoded();
        PackWindows windows = view.windows();
        List<RowAdapters.Run> runs = view.adapters().runs();
        return new Layout(
                RowEncoder.flatten(rows.groups),
                RowEncoder.flatten(rows.chunks),
                concat(new long[] {rows.windowFrom}, RowEncoder.flatten(pack.windows(windows.from(), windows.to()))),
                rows.observed(),
                runs.stream()
                        .flatMapToLong(run -> LongStream.of(run.first(), run.end()))
                        .toArray(),
                adapters.slots(runs.stream().mapToLong(RowAdapters.Run::slot).toArray()),
                pack.packOf(windows)
                        .map(own -> adapters.withOwnWeights(own.adapterSlots()))
                        .orElse(new long[0]));
    }

    /** In the order of the wanted rows. */
    static List<Draw> draws(SamplingRows sampling, IntBuffer results) {
        int rows = sampling.wanted.size();
        int width = 1 + Math.max(sampling.top, 0);
        int[] tokens = ints(results, rows * width);
        float[] logprobs = floats(results, sampling.top < 0 ? 0 : rows * width);
        List<Draw> draws = new ArrayList<>();
        for (int row = 0; row < rows; row++) {
            int asked = sampling.sampling(row).topLogprobs();
            int first = row * width;
            int count = Math.max(0, Math.min(asked, width - 1));
            int[] topTokens = Arrays.copyOfRange(tokens, first + 1, first + 1 + count);
            float[] topLogprobs =
                    count == 0 ? new float[0] : Arrays.copyOfRange(logprobs, first + 1, first + 1 + count);
            float logprob = asked < 0 ? Float.NaN : logprobs[first];
            draws.add(new Draw(tokens[first], logprob, topTokens, topLogprobs));
        }
        return draws;
    }

    /**
     * @param learned rows with a label are its first half
     * @param results losses of the learned tokens, and 1 where they are the most likely
     */
    private static SequenceScores scores(long[] learned, IntBuffer results, PackRows pack) {
        SequenceScores scores = SequenceScores.zeros(pack.sequences());
        int tokens = learned.length / 2;
        float[] losses = floats(results, tokens);
        float[] hits = floats(results, tokens);
        for (int i = 0; i < tokens; i++) {
            scores.add(pack.sequence((int) learned[i]), losses[i], hits[i] == 0);
        }
        return scores;
    }

    private static int[] ints(IntBuffer results, int count) {
        int[] next = new int[count];
        results.get(next);
        return next;
    }

    static float[] floats(IntBuffer results, int count) {
        float[] next = new float[count];
        for (int i = 0; i < count; i++) {
            next[i] = Float.intBitsToFloat(results.get());
        }
        return next;
    }

    private static long[] concat(long[] first, long[] second) {
        long[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private static float[] concat(float[] first, float[] second) {
        float[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }
}
