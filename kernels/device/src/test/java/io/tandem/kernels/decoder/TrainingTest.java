package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TrainingTest {
    private static final int SLOT = 3;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
    private final Adapter initial = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, random.nextLong());

    @ParameterizedTest
    @EnumSource(Method.class)
    void stepsFollowTheOptimizer(Method method) throws IOException {
        OptimizerConfig optimizer = new OptimizerConfig(method, 0.8, 0.95, 1e-6, 0.1, 0.5, 2);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, optimizer);
            OptimizerReference reference = new OptimizerReference(optimizer, factors(initial), values(initial));
            for (int step = 0; step < 5; step++) {
                Devices.train(
                        device,
                        new int[] {SLOT},
                        Devices.pack(random, tiny.config().vocab(), 30, 12),
                        random,
                        List.of());
                double[] gradient = values(device.gradients(SLOT));
                double expectedNorm = reference.step(gradient, 1e-2, 1 / 40.0);
                double norm = device.optimizerStep(SLOT, 1e-2, 1 / 40.0);
                Tolerances.FLOAT32.check("norm", new double[] {expectedNorm}, new double[] {norm});
                Tolerances.FLOAT32_LOGITS.check("weights", reference.weights(), values(device.snapshot(SLOT)));
                assertThat(values(device.gradients(SLOT))).containsOnly(0);
            }
        }
    }

    /** Splits and traffic change nothing but rounding; the tolerance is on the weights after eight steps. */
    @Test
    void theResultDoesNotDependOnTrafficOrWindows() throws IOException {
        List<TrainingPack> packs = new ArrayList<>();
        for (int step = 0; step < 8; step++) {
            packs.add(Devices.pack(random, tiny.config().vocab(), 30, 12, 5));
        }
        double[] alone = values(train(packs, List.of()));
        double[] crowded = values(train(packs, traffic()));
        Tolerances.TRAINED_WEIGHTS.check("weights", alone, crowded);
        assertThat(alone).isNotEqualTo(values(initial));
    }

    private Adapter train(List<TrainingPack> packs, List<Segment> beside) throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 2, 5));
            device.openTrainee(SLOT, initial, OptimizerConfig.DEFAULT);
            for (TrainingPack pack : packs) {
                Devices.train(device, new int[] {SLOT}, pack, random, beside);
                device.optimizerStep(SLOT, 1e-3, 1 / 30.0);
            }
            return device.snapshot(SLOT);
        }
    }

    /** Sequences that go through the device at once change nothing but rounding, and every time the same. */
    @ParameterizedTest
    @EnumSource(Stash.class)
    void theResultDoesNotDependOnLanes(Stash stash) throws IOException {
        List<TrainingPack> packs = new ArrayList<>();
        for (int step = 0; step < 3; step++) {
            packs.add(Devices.pack(random, tiny.config().vocab(), 70, 20, 41, 13, 1, 60, 33));
        }
        double[] alone = values(train(packs, stash, 1, 240, List.of()));
        double[] inTwo = values(train(packs, stash, 2, 240, List.of()));
        Tolerances tolerance = stash == Stash.INT8 ? Tolerances.INT8_STASH_WEIGHTS : Tolerances.TRAINED_WEIGHTS;
        tolerance.check("two lanes", alone, inTwo);
        assertThat(inTwo).isNotEqualTo(alone);
        assertThat(values(train(packs, stash, 2, 240, List.of()))).isEqualTo(inTwo);
        tolerance.check("three lanes", alone, values(train(packs, stash, 3, 240, List.of())));
        tolerance.check("traffic", alone, values(train(packs, stash, 2, 150, traffic())));
    }

    private Adapter train(List<TrainingPack> packs, Stash stash, int threads, int window, List<Segment> beside)
            throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, threads, 256, stash))) {
            device.putAdapter(0, TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 2, 5));
            device.openTrainee(SLOT, initial, OptimizerConfig.DEFAULT);
            // Leaves half of a backward pass behind, which the next pack must not notice.
            TrainingPack abandoned = Devices.pack(random, tiny.config().vocab(), 90, 90);
            device.beginPack(new int[] {SLOT}, abandoned);
            Devices.run(device, new TrainingWork(180, 80), List.of());
            device.openTrainee(SLOT, initial, OptimizerConfig.DEFAULT);
            for (TrainingPack pack : packs) {
                Devices.trainInWindows(device, new int[] {SLOT}, pack, window, beside);
                device.optimizerStep(SLOT, 1e-3, 1 / 30.0);
            }
            return device.snapshot(SLOT);
        }
    }

    private List<Segment> traffic() {
        int vocab = tiny.config().vocab();
        return List.of(
                Devices.segment(0, 0, Devices.tokens(random, 1, vocab), new int[] {0}, Sampling.GREEDY),
                Devices.segment(1, 0, Devices.tokens(random, 40, vocab), IterationInputs.BASE, Sampling.GREEDY),
                Devices.segment(4, 0, Devices.tokens(random, 1, vocab), IterationInputs.BASE, Sampling.GREEDY));
    }

    @Test
    void trainingLeavesServedAdaptersAndTheBaseAlone() throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 2, 5));
            float[] before = served(device, new int[] {0});
            float[] base = served(device, IterationInputs.BASE);
            device.openTrainee(SLOT, initial, OptimizerConfig.DEFAULT);
            Devices.train(
                    device, new int[] {SLOT}, Devices.pack(random, tiny.config().vocab(), 20), random, List.of());
            device.optimizerStep(SLOT, 1e-1, 1);
            assertThat(served(device, new int[] {0})).isEqualTo(before);
            assertThat(served(device, IterationInputs.BASE)).isEqualTo(base);
            device.putAdapter(1, device.snapshot(SLOT));
            Tolerances.FLOAT32_LOGITS.check(
                    "snapshot", served(device, new int[] {SLOT}), served(device, new int[] {1}));
        }
    }

    private float[] served(TorchScriptDecoder device, int[] adapterSlots) {
        int[] prompt = {3, 1, 4, 1, 5, 9, 2, 6};
        return Devices.byToken(Devices.run(device, Devices.segment(0, 0, prompt, adapterSlots, Devices.scored(device)))
                .draws()
                .get(0));
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aResumedTraineeLearnsAsIfItHadNotStopped(Method method) throws IOException {
        OptimizerConfig optimizer = OptimizerConfig.of(method);
        List<TrainingPack> packs = new ArrayList<>();
        for (int step = 0; step < 6; step++) {
            packs.add(Devices.pack(random, tiny.config().vocab(), 30, 12));
        }
        long windows = random.nextLong();
        Adapter uninterrupted;
        Adapter snapshot;
        OptimizerState state;
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, optimizer);
            learn(device, packs.subList(0, 3), new Random(windows));
            snapshot = device.snapshot(SLOT);
            state = device.optimizerState(SLOT);
            learn(device, packs.subList(3, 6), new Random(windows + 1));
            uninterrupted = device.snapshot(SLOT);
        }
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, device.prepare(snapshot), optimizer, state);
            assertThat(device.optimizerState(SLOT).steps()).isEqualTo(3);
            learn(device, packs.subList(3, 6), new Random(windows + 1));
            assertThat(values(device.snapshot(SLOT))).isEqualTo(values(uninterrupted));
            OptimizerState foreign = new OptimizerState(3, new TreeMap<>(Map.of("foreign", new byte[4])));
            assertThatThrownBy(() -> device.openTrainee(SLOT, device.prepare(snapshot), optimizer, foreign))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("[foreign], " + method + " has [");
        }
    }

    private static void learn(TorchScriptDecoder device, List<TrainingPack> packs, Random windows) {
        for (TrainingPack pack : packs) {
            Devices.train(device, new int[] {SLOT}, pack, windows, List.of());
            device.optimizerStep(SLOT, 1e-2, 1 / 30.0);
        }
    }

    /** Packs of two trainees take turns; one opens and a third closes while another's pack is half done. */
    @Test
    void traineesThatTakeTurnsLearnAsIfEachWereAlone() throws IOException {
        List<TrainingPack> packs = new ArrayList<>();
        for (int step = 0; step < 4; step++) {
            packs.add(Devices.pack(random, tiny.config().vocab(), 30, 12));
        }
        long windows = random.nextLong();
        Adapter other = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 2, random.nextLong());
        double[] alone;
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, OptimizerConfig.DEFAULT);
            learn(device, packs, new Random(windows));
            alone = values(device.snapshot(SLOT));
        }
        Random splits = new Random(windows);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, OptimizerConfig.DEFAULT);
            for (TrainingPack pack : packs) {
                device.openTrainee(0, other, OptimizerConfig.DEFAULT);
                Devices.train(device, new int[] {0}, pack, random, List.of());
                Devices.forward(device, new int[] {SLOT}, pack, splits, List.of());
                device.openTrainee(1, other, OptimizerConfig.DEFAULT);
                device.closeTrainee(0);
                Devices.backward(device, pack, splits, List.of());
                device.optimizerStep(SLOT, 1e-2, 1 / 30.0);
            }
            assertThat(values(device.snapshot(SLOT))).isEqualTo(alone);
        }
    }

    @ParameterizedTest
    @EnumSource(TrainingPack.Purpose.class)
    void mistakesAreLabelsThatGreedyDecodingDoesNotTake(TrainingPack.Purpose purpose) throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, OptimizerConfig.DEFAULT);
            List<Sequence> sequences = new ArrayList<>();
            List<Integer> expected = new ArrayList<>();
            for (int length : new int[] {9, 1, 14}) {
                int[] tokens = Devices.tokens(random, length, tiny.config().vocab());
                int[] labels = new int[length];
                int mistakes = 0;
                for (int i = 0; i < length; i++) {
                    int[] prefix = Arrays.copyOf(tokens, i + 1);
                    int likely = Devices.run(
                                    device, Devices.segment(0, 0, prefix, new int[] {SLOT}, Devices.scored(device)))
                            .draws()
                            .get(0)
                            .token();
                    int wrong = (likely + 1 + random.nextInt(tiny.config().vocab() - 1))
                            % tiny.config().vocab();
                    int kind = random.nextInt(3);
                    labels[i] = kind == 0 ? TrainingPack.IGNORED : kind == 1 ? likely : wrong;
                    mistakes += kind == 2 ? 1 : 0;
                }
                sequences.add(new Sequence(tokens, labels));
                expected.add(mistakes);
            }
            TrainingPack pack = new TrainingPack(sequences, purpose);
            SequenceScores scores = Devices.forward(device, new int[] {SLOT}, pack, random, List.of());
            assertThat(scores.mistakes())
                    .containsExactly(expected.stream().mapToInt(i -> i).toArray());
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aBrokenGradientChangesNothing(Method method) throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, OptimizerConfig.of(method));
            Devices.train(
                    device, new int[] {SLOT}, Devices.pack(random, tiny.config().vocab(), 20), random, List.of());
            assertThat(Double.isFinite(device.optimizerStep(SLOT, 1e-2, Double.POSITIVE_INFINITY)))
                    .isFalse();
            assertThat(values(device.snapshot(SLOT))).isEqualTo(values(initial));
        }
    }

    @Test
    void anAdapterThatDoesNotFitIsRefusedByName() throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            TinyModel other = TinyModel.of(TinyModel.Variant.LLAMA3, 1);
            Adapter wrong = TinyAdapters.random(other.config(), LoraConfig.allLinears(), 2, 1);
            assertThatThrownBy(() -> device.prepare(wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("model.layers.0.self_attn.q_proj is [48, 48], expected [32, 32]");
            Adapter large = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 9, 1);
            assertThatThrownBy(() -> device.prepare(large)).hasMessageContaining("has rank 9");
            initial.factors().get(initial.factors().firstKey()).a()[0] = Float.NaN;
            assertThatThrownBy(() -> device.prepare(initial)).hasMessageContaining("not a finite number");
        }
    }

    /** The factors in the order of {@link #values}. */
    private static List<Factor> factors(Adapter adapter) {
        List<Factor> factors = new ArrayList<>();
        for (LowRank module : adapter.factors().values()) {
            factors.add(new Factor(LowRank.A, module.a().length));
            factors.add(new Factor(LowRank.B, module.b().length));
        }
        return factors;
    }

    private static double[] values(Adapter adapter) {
        List<float[]> parts = new ArrayList<>();
        for (LowRank module : new TreeMap<>(adapter.factors()).values()) {
            parts.add(module.a());
            parts.add(module.b());
        }
        double[] all = new double[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            for (float value : part) {
                all[at++] = value;
            }
        }
        return all;
    }
}
