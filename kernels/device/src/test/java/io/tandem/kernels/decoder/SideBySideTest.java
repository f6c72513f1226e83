package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.decoder.SideBySide.Laid;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Several trainees whose rows run in the same windows: each learns what it would alone. */
class SideBySideTest {
    /** Of each parameter's gradient, against its norm. */
    private static final double FLOAT32_RELATIVE = 1e-4;

    /** The same against that of the pack alone, which differs by the order of sums only. */
    private static final double AGAINST_ALONE = 1e-5;

    /** The same of all parameters together, in bfloat16. */
    private static final double BFLOAT16_AGAINST_ALONE = 1e-2;

    private static final int TOGETHER = 3;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    private static KernelsConfig limits(int threads, Stash stash) {
        return new KernelsConfig(Dtype.FLOAT32, Forms.standard(Dtype.FLOAT32), threads, 6, 96, 256, 7, 8, 256, stash);
    }

    private static TrainingPack pack(Random random, TinyModel tiny, Adapter adapter, int... lengths) {
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), lengths);
        return new TrainingPack(
                pack.sequences().stream()
                        .map(sequence -> sequence.after(adapter.virtualRows()))
                        .toList(),
                pack.purpose());
    }

    private TrainingPack randomPack(TinyModel tiny, Adapter adapter) {
        return pack(
                random, tiny, adapter, random.ints(1 + random.nextInt(3), 2, 20).toArray());
    }

    private static TrainingPack measured(TrainingPack pack) {
        return new TrainingPack(pack.sequences(), Purpose.MEASURE);
    }

    private static double sum(SequenceScores scores) {
        return Arrays.stream(scores.losses()).sum();
    }

    /** All forms that do not go alone, in groups at random, beside a pack that only measures. */
    @ParameterizedTest
    @CsvSource({"LLAMA, 1, KEEP", "BIASES, 2, KEEP", "QWEN3, 2, RECOMPUTE", "BIASES, 1, RECOMPUTE", "LLAMA, 2, INT8"})
    void gradientsEqualAutogradsWhateverLearnsBeside(TinyModel.Variant variant, int threads, Stash stash)
            throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        double tolerance = stash == Stash.INT8 ? GradientParityTest.INT8_RELATIVE : FLOAT32_RELATIVE;
        List<Form> forms = new ArrayList<>(List.of(Form.values()));
        forms.removeIf(form ->
                form.makesBase() || !form.random(tiny.config(), 1).full().isEmpty());
        Collections.shuffle(forms, random);
        Adapter still = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, limits(threads, stash));
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            for (int first = 0; first < forms.size(); first += TOGETHER) {
                List<Form> group = forms.subList(first, Math.min(forms.size(), first + TOGETHER));
                List<Adapter> adapters = new ArrayList<>();
                List<Laid> packs = new ArrayList<>();
                for (int slot = 0; slot < group.size(); slot++) {
                    Adapter adapter = group.get(slot).random(tiny.config(), random.nextLong());
                    device.openTrainee(slot, adapter, OptimizerConfig.DEFAULT);
                    adapters.add(adapter);
                    packs.add(new Laid(new int[] {slot}, randomPack(tiny, adapter)));
                }
                device.putAdapter(5, still);
                int at = random.nextInt(packs.size() + 1);
                packs.add(at, new Laid(new int[] {5}, measured(randomPack(tiny, still))));
                adapters.add(at, still);
                List<SequenceScores> scores = SideBySide.train(device, packs, random, traffic(tiny));
                for (int i = 0; i < packs.size(); i++) {
                    Laid own = packs.get(i);
                    AutogradReference.Result expected = reference.run(own.pack(), CoreReference.of(adapters.get(i)));
                    assertThat(sum(scores.get(i)))
                            .as("loss of pack %d of %s, seed %d", i, group, seed)
                            .isCloseTo(expected.loss(), Percentage.withPercentage(100 * tolerance));
                    if (own.pack().purpose() == Purpose.LEARN) {
                        Form form = group.get(own.slots()[0]);
                        check(
                                form.gradient(expected.gradient(), adapters.get(i)),
                                device.gradients(own.slots()[0]),
                                tolerance,
                                stash != Stash.INT8);
                    }
                }
            }
        }
    }

    private List<Segment> traffic(TinyModel tiny) {
        int[] prompt = Devices.tokens(random, 9, tiny.config().vocab());
        return random.nextBoolean()
                ? List.of()
                : List.of(Devices.segment(0, 0, prompt, IterationInputs.BASE, Sampling.GREEDY));
    }

    private void check(Adapter expected, Adapter actual, double tolerance, boolean each) {
        GradientErrors.of(expected, actual).forEach((name, error) -> {
            if (each || name.isEmpty()) {
                assertThat(error).as("error of '%s', seed %d", name, seed).isLessThan(tolerance);
            }
        });
    }

    /** One above a frozen adapter, one that acts from some token on, one of which few layers learn, one of pairs. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void eachLearnsWhatItLearnsAlone(int threads) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.QWEN3, random.nextLong());
        List<Adapter> adapters = new ArrayList<>();
        for (Form form : List.of(Form.DORA, Form.LORA, Form.LORA, Form.SERIES)) {
            adapters.add(form.random(tiny.config(), random.nextLong()));
        }
        List<Laid> packs = new ArrayList<>();
        packs.add(new Laid(new int[] {5, 0}, randomPack(tiny, adapters.get(0))));
        TrainingPack whole = pack(random, tiny, adapters.get(1), 20, 9);
        packs.add(new Laid(
                new int[] {1},
                new TrainingPack(
                        whole.sequences().stream()
                                .map(own -> new TrainingPack.Sequence(own.tokens(), own.labels(), new int[] {5}))
                                .toList(),
                        Purpose.LEARN)));
        packs.add(new Laid(new int[] {2}, randomPack(tiny, adapters.get(2))));
        packs.add(new Laid(new int[] {3}, pack(random, tiny, adapters.get(3), 12, 17)));
        try (TorchScriptDecoder device = Devices.load(tiny, limits(threads, Stash.KEEP))) {
            device.putAdapter(5, Form.IA3.random(tiny.config(), random.nextLong()));
            List<Adapter> alone = new ArrayList<>();
            List<Double> losses = new ArrayList<>();
            for (int i = 0; i < packs.size(); i++) {
                open(device, adapters);
                SideBySide.lay(device, List.of(packs.get(i)));
                losses.add(sum(SideBySide.forward(device, List.of(packs.get(i)), random, List.of())
                        .get(0)));
                if (i == 3) {
                    device.scaleSequences(0, new double[] {0.5, -2});
                }
                SideBySide.backward(device, random, List.of());
                alone.add(device.gradients(i));
            }
            open(device, adapters);
            SideBySide.lay(device, packs);
            List<SequenceScores> scores = SideBySide.forward(device, packs, random, List.of());
            device.scaleSequences(3, new double[] {0.5, -2});
            assertThatThrownBy(() -> device.scaleSequences(3, new double[3]))
                    .hasMessageContaining("3 factors for 2 sequences");
            SideBySide.backward(device, random, List.of());
            for (int i = 0; i < packs.size(); i++) {
                assertThat(sum(scores.get(i))).isCloseTo(losses.get(i), Percentage.withPercentage(100 * AGAINST_ALONE));
                check(alone.get(i), device.gradients(i), AGAINST_ALONE, true);
                assertThat(device.packProgress(i).done()).isTrue();
            }
        }
    }

    /** Where products get rows of zeros: each window whole, so that nothing but their order differs. */
    @RepeatedTest(3)
    void rowsOfZerosChangeNothing() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        KernelsConfig limits =
                new KernelsConfig(Dtype.BFLOAT16, Forms.standard(Dtype.BFLOAT16), 1, 6, 96, 256, 6, 8, 256, Stash.KEEP);
        List<Form> forms = List.of(Form.LORA, Form.IA3, Form.SERIES);
        try (TorchScriptDecoder device = Devices.load(tiny, limits)) {
            List<Laid> packs = new ArrayList<>();
            List<Adapter> alone = new ArrayList<>();
            List<Adapter> adapters = new ArrayList<>();
            for (int slot = 0; slot < forms.size(); slot++) {
                adapters.add(forms.get(slot).random(tiny.config(), random.nextLong()));
                device.openTrainee(slot, adapters.get(slot), OptimizerConfig.DEFAULT);
                packs.add(new Laid(new int[] {slot}, pack(random, tiny, adapters.get(slot), 11 + slot, 6)));
                SideBySide.lay(device, packs.subList(slot, slot + 1));
                whole(device);
                alone.add(device.gradients(slot));
                device.openTrainee(slot, adapters.get(slot), OptimizerConfig.DEFAULT);
            }
            SideBySide.lay(device, packs);
            whole(device);
            for (int slot = 0; slot < forms.size(); slot++) {
                check(alone.get(slot), device.gradients(slot), BFLOAT16_AGAINST_ALONE, false);
            }
        }
    }

    private static void whole(TorchScriptDecoder device) {
        Devices.run(device, new TrainingWork(device.packProgress().rows(), 0), List.of());
        Devices.run(device, new TrainingWork(0, device.packProgress().backwardRowLayers()), List.of());
    }

    private static void open(TorchScriptDecoder device, List<Adapter> adapters) {
        OptimizerConfig optimizer = OptimizerConfig.DEFAULT.withLayers();
        for (int slot = 0; slot < adapters.size(); slot++) {
            device.openTrainee(slot, adapters.get(slot), optimizer);
        }
        int last = device.model().layers() - 1;
        device.learn(2, LearningPlan.only(new TreeSet<>(List.of(last))));
    }

    /** Whenever one of them ends, and though its adapter overflows. */
    @ParameterizedTest
    @CsvSource({"1, false", "2, false", "1, true", "2, true"})
    void whoLeavesTakesNothingAlong(int threads, boolean measures) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter good = Form.LORA.random(tiny.config(), random.nextLong());
        Adapter prefix = Form.PREFIX.random(tiny.config(), random.nextLong());
        Adapter huge = TinyAdapters.filled(tiny.config(), 4, 3e38f, 1.5e38f);
        try (TorchScriptDecoder device = Devices.load(tiny, limits(threads, Stash.KEEP));
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            for (int turn = 0; turn < 4; turn++) {
                device.openTrainee(0, good, OptimizerConfig.DEFAULT);
                device.openTrainee(1, huge, OptimizerConfig.DEFAULT);
                device.openTrainee(2, prefix, OptimizerConfig.DEFAULT);
                TrainingPack bad = pack(random, tiny, huge, 11, 20);
                List<Laid> packs = List.of(
                        new Laid(new int[] {0}, pack(random, tiny, good, 15, 12)),
                        new Laid(new int[] {1}, measures ? measured(bad) : bad),
                        new Laid(new int[] {2}, pack(random, tiny, prefix, 9, 14)));
                SideBySide.lay(device, packs);
                SequenceScores all = SequenceScores.zeros(6);
                int before = turn == 0 ? 0 : turn == 1 ? 40 : 81;
                if (before > 0) {
                    all.add(Devices.run(device, new TrainingWork(before, 0), List.of())
                            .scores());
                }
                if (turn == 3) {
                    long left = device.packProgress().backwardRowLayers();
                    Devices.run(device, new TrainingWork(0, left / 3), List.of());
                }
                if (measures) {
                    device.dropPack(1);
                } else {
                    device.closeTrainee(1);
                    // Somebody else may have the slot at once.
                    device.putAdapter(1, prefix);
                }
                for (int[] window : Devices.split(random, Math.max(0, 81 - before))) {
                    all.add(Devices.run(device, new TrainingWork(window[1] - window[0], 0), List.of())
                            .scores());
                }
                SideBySide.backward(device, random, List.of());
                for (int i : new int[] {0, 2}) {
                    AutogradReference.Result expected =
                            reference.run(packs.get(i).pack(), i == 0 ? good : prefix);
                    assertThat(sum(all.copyOfRange(2 * i, 2 * i + 2)))
                            .as("seed %d", seed)
                            .isCloseTo(expected.loss(), Percentage.withPercentage(100 * FLOAT32_RELATIVE));
                    check(expected.gradient(), device.gradients(i), FLOAT32_RELATIVE, true);
                }
            }
        }
    }

    @Test
    void packsThatGoAloneAreRefused() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter adapter = Form.LORA.random(tiny.config(), random.nextLong());
        TrainingPack pack = pack(random, tiny, adapter, 9);
        try (TorchScriptDecoder device =
                Devices.load(tiny, limits(1, Stash.KEEP).withFullModules(2))) {
            device.openTrainee(0, adapter, OptimizerConfig.DEFAULT);
            device.openTrainee(1, adapter, OptimizerConfig.DEFAULT);
            device.openTrainee(2, Form.FULL.random(tiny.config(), random.nextLong()), OptimizerConfig.DEFAULT);
            device.putAdapter(3, Form.HEAD.random(tiny.config(), random.nextLong()));
            device.openTrainee(4, Form.L4Q.random(tiny.config(), random.nextLong()), OptimizerConfig.DEFAULT);
            device.putAdapter(
                    5, Form.IA3.random(tiny.config(), random.nextLong()).skipping(Set.of(1)));
            device.openTrainee(6, Form.PST.random(tiny.config(), random.nextLong()), OptimizerConfig.DEFAULT);
            device.beginPack(new int[] {0}, pack);
            for (int[] slots : new int[][] {{2}, {3, 1}, {4}, {5, 1}, {6}}) {
                assertThatThrownBy(() -> device.joinPack(slots, pack))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage(
                                "a pack whose adapters have modules in full or skip layers, or that learns over weights"
                                        + " of its own or from the teacher, shares no window with others");
            }
            device.joinPack(new int[] {1}, pack);
            assertThat(device.packProgress().rows()).isEqualTo(18);
            for (int alone : new int[] {2, 4, 6}) {
                device.beginPack(new int[] {alone}, pack);
                assertThatThrownBy(() -> device.joinPack(new int[] {0}, pack))
                        .isInstanceOf(IllegalArgumentException.class);
                assertThat(device.packProgress().rows()).isEqualTo(9);
            }
        }
    }

    @Test
    void packsThatHaveNoRoomOrComeTooLateAreRefused() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter adapter = Form.LORA.random(tiny.config(), random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, limits(2, Stash.KEEP))) {
            device.openTrainee(0, adapter, OptimizerConfig.DEFAULT);
            device.openTrainee(1, adapter, OptimizerConfig.DEFAULT);
            device.beginPack(new int[] {0}, pack(random, tiny, adapter, 90, 90));
            PackProgress one = device.packProgress();
            assertThatThrownBy(() -> device.joinPack(new int[] {1}, pack(random, tiny, adapter, 77)))
                    .hasMessage("packs of 257 tokens, kernels.pack-tokens is 256");
            assertThat(device.packProgress()).isEqualTo(one);
            device.joinPack(new int[] {1}, pack(random, tiny, adapter, 76));
            assertThat(device.packProgress().rows()).isEqualTo(256);
            assertThat(device.packProgress(0)).isEqualTo(one);
            Devices.run(device, new TrainingWork(1, 0), List.of());
            assertThatThrownBy(() -> device.joinPack(new int[] {1}, pack(random, tiny, adapter, 5)))
                    .isInstanceOf(IllegalStateException.class);
        }
    }
}
