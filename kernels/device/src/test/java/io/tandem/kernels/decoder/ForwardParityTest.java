package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.reference.ReferenceDecoder;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Next-token log-probabilities against the reference in plain Java; a shift of all logits is not a difference. */
class ForwardParityTest {
    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    @ParameterizedTest
    @EnumSource
    void everyArchitectureInFloat32(TinyModel.Variant variant) throws IOException {
        check(variant, Devices.limits(Dtype.FLOAT32, 1, 128, Stash.KEEP), Tolerances.FLOAT32_LOGITS);
    }

    @ParameterizedTest
    @EnumSource
    void everyArchitectureInTwoLanes(TinyModel.Variant variant) throws IOException {
        check(variant, Devices.limits(Dtype.FLOAT32, 2, 128, Stash.KEEP), Tolerances.FLOAT32_LOGITS);
    }

    @ParameterizedTest
    @MethodSource("io.tandem.kernels.decoder.Forms#bfloat16")
    void everyArchitectureInBfloat16(TinyModel.Variant variant, WeightForms forms) throws IOException {
        check(variant, Forms.limits(Dtype.BFLOAT16, forms, Stash.KEEP), Tolerances.BFLOAT16_LOGITS);
    }

    @ParameterizedTest
    @MethodSource("io.tandem.kernels.decoder.Forms#float16")
    void everyArchitectureInFloat16(TinyModel.Variant variant, WeightForms forms) throws IOException {
        check(variant, Forms.limits(Dtype.FLOAT32, forms, Stash.KEEP), Tolerances.FLOAT32_LOGITS);
    }

    @ParameterizedTest
    @MethodSource("io.tandem.kernels.decoder.Forms#quantized")
    void everyArchitectureQuantized(TinyModel.Variant variant, Dtype dtype, WeightForms forms) throws IOException {
        TinyModel tiny = QuantizedWeights.of(TinyModel.of(variant, random.nextLong()), forms.many());
        check(
                tiny,
                Forms.limits(dtype, forms, Stash.KEEP),
                Forms.isExact(dtype, forms) ? Tolerances.FLOAT32_LOGITS : Tolerances.BFLOAT16_LOGITS);
    }

    /** Rows of two adapters, of either alone and of none, in one iteration; two slots in any order are the same. */
    @Test
    void stackedAdaptersAddUp() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.QWEN3, random.nextLong());
        Adapter lower = TinyAdapters.random(tiny.config(), Set.of(TargetModule.Q_PROJ, TargetModule.UP_PROJ), 3, 7);
        Adapter upper = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 8, random.nextLong());
        List<@Nullable Adapter> expected = new ArrayList<>(List.of(TinyAdapters.stacked(lower, upper), lower, upper));
        expected.add(null);
        expected.add(expected.get(0));
        int[][] slots = {{1, 3}, {1}, {3}, IterationInputs.BASE, {3, 1}};
        int[] tokens = Devices.tokens(random, 13, tiny.config().vocab());
        ReferenceDecoder reference = new ReferenceDecoder(tiny.config(), tiny.weights());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(1, lower);
            device.putAdapter(3, upper);
            List<Segment> segments = new ArrayList<>();
            for (int s = 0; s < slots.length; s++) {
                segments.add(Devices.segment(s, 0, tokens, slots[s], Devices.scored(device)));
            }
            List<Draw> draws =
                    Devices.run(device, segments.toArray(Segment[]::new)).draws();
            for (int s = 0; s < slots.length; s++) {
                double[][] logits = reference.logits(tokens, expected.get(s));
                float[] scores = Devices.narrow(Devices.logSoftmax(logits[tokens.length - 1]));
                Tolerances.FLOAT32_LOGITS.check("sequence " + s, scores, Devices.byToken(draws.get(s)));
            }
        }
    }

    /** Of the last three of thirteen tokens, with an adapter and without, beside rows that are not observed. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void layersInputsAreObserved(int lanes) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.QWEN3, random.nextLong());
        Adapter adapter = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, random.nextLong());
        ReferenceDecoder reference = new ReferenceDecoder(tiny.config(), tiny.weights());
        int[] tokens = Devices.tokens(random, 13, tiny.config().vocab());
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, Stash.KEEP))) {
            device.putAdapter(1, adapter);
            Segment beside = Devices.segment(0, 0, tokens, new int[] {1}, Devices.scored(device));
            List<float[]> observed = Devices.run(
                            device, observed(1, tokens), beside, observed(2, tokens, 1), observed(3, tokens))
                    .observed();
            assertThat(observed).hasSize(3);
            Tolerances.FLOAT32_LOGITS.check("base", lastInputs(reference, tokens, null), observed.get(0));
            Tolerances.FLOAT32_LOGITS.check("adapter", lastInputs(reference, tokens, adapter), observed.get(1));
            Tolerances.FLOAT32_LOGITS.check("base again", observed.get(0), observed.get(2));
        }
    }

    private static Segment observed(int slot, int[] tokens, int... adapters) {
        return new Segment(slot, 0, tokens, adapters, List.of(), Optional.empty(), false, 3);
    }

    private static float[] lastInputs(ReferenceDecoder reference, int[] tokens, @Nullable Adapter adapter) {
        List<double[][]> inputs = reference.layerInputs(tokens, adapter);
        return Devices.narrow(IntStream.range(tokens.length - 3, tokens.length)
                .boxed()
                .flatMap(token -> inputs.stream().map(all -> all[token]))
                .flatMapToDouble(Arrays::stream)
                .toArray());
    }

    /** Four sequences, three adapters and the base, prefilled in chunks and decoded, all in shared iterations. */
    private void check(TinyModel.Variant variant, KernelsConfig limits, Tolerances tolerance) throws IOException {
        check(TinyModel.of(variant, random.nextLong()), limits, tolerance);
    }

    private void check(TinyModel tiny, KernelsConfig limits, Tolerances tolerance) throws IOException {
        ReferenceDecoder reference = new ReferenceDecoder(tiny.config(), tiny.weights());
        List<@Nullable Adapter> adapters = new ArrayList<>(List.of(
                TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, random.nextLong()),
                TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 8, random.nextLong())));
        adapters.add(null);
        try (TorchScriptDecoder device = Devices.load(tiny, limits)) {
            device.putAdapter(2, adapters.get(0));
            device.putAdapter(0, adapters.get(1));
            int[][] adapterSlots = {{2}, {0}, IterationInputs.BASE, {2}};
            int[] kvSlots = {5, 0, 3, 2};
            int[] lengths = {40, 7, 23, 31};
            List<int[]> sequences = new ArrayList<>();
            List<double[][]> expected = new ArrayList<>();
            for (int s = 0; s < 4; s++) {
                sequences.add(Devices.tokens(random, lengths[s], tiny.config().vocab()));
                Adapter adapter = s == 3 ? adapters.get(0) : adapters.get(s);
                expected.add(reference.logits(sequences.get(s), adapter));
            }
            int[] done = new int[4];
            while (!Arrays.equals(done, lengths)) {
                List<Segment> segments = new ArrayList<>();
                List<Integer> who = new ArrayList<>();
                for (int s = 0; s < 4; s++) {
                    if (done[s] < lengths[s] && random.nextInt(4) > 0) {
                        int count = random.nextBoolean() ? 1 : 1 + random.nextInt(lengths[s] - done[s]);
                        int[] chunk = Arrays.copyOfRange(sequences.get(s), done[s], done[s] + count);
                        segments.add(
                                Devices.segment(kvSlots[s], done[s], chunk, adapterSlots[s], Devices.scored(device)));
                        done[s] += count;
                        who.add(s);
                    }
                }
                List<Draw> draws = device.run(new IterationInputs(segments, Optional.empty()))
                        .draws();
                for (int i = 0; i < who.size(); i++) {
                    int s = who.get(i);
                    double[] scores = Devices.logSoftmax(expected.get(s)[done[s] - 1]);
                    tolerance.check(
                            "sequence " + s + " after " + done[s] + " tokens",
                            Devices.narrow(scores),
                            Devices.byToken(draws.get(i)));
                }
            }
        }
    }

    @Test
    void greedyTakesTheMostLikelyToken() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 7);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            int[] prompt = Devices.tokens(random, 12, tiny.config().vocab());
            Draw draw = Devices.run(device, Devices.segment(0, 0, prompt, IterationInputs.BASE, Devices.scored(device)))
                    .draws()
                    .get(0);
            assertThat(draw.token()).isEqualTo(draw.topTokens()[0]);
            assertThat(draw.logprob()).isEqualTo(draw.topLogprobs()[0]);
        }
    }
}
