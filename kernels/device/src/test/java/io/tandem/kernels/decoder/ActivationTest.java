package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Adapters that act on the last tokens of a sequence only. */
class ActivationTest {
    private static final int SLOT = 1;
    /** Of each parameter's gradient, against its norm. */
    private static final double FLOAT32_RELATIVE = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    /** Sequences on which the last of some adapters acts from here on, and the others from the start. */
    private static TrainingPack acting(TrainingPack pack, int adapters, int... from) {
        List<Sequence> sequences = new ArrayList<>();
        for (int i = 0; i < from.length; i++) {
            int[] each = new int[adapters];
            each[adapters - 1] = from[i];
            Sequence sequence = pack.sequences().get(i);
            sequences.add(new Sequence(sequence.tokens(), sequence.labels(), each));
        }
        return new TrainingPack(sequences, pack.purpose());
    }

    @ParameterizedTest
    @CsvSource({"LLAMA, KEEP, 1", "BIASES, RECOMPUTE, 2", "QWEN3, KEEP, 2", "BIASES, INT8, 1"})
    void gradientsEqualAutogradsForRandomWindows(TinyModel.Variant variant, Stash stash, int lanes) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 4, random.nextLong());
        double tolerance = stash == Stash.INT8 ? GradientParityTest.INT8_RELATIVE : FLOAT32_RELATIVE;
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, stash));
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            for (int split = 0; split < 3; split++) {
                TrainingPack pack = acting(
                        Devices.pack(random, tiny.config().vocab(), 25, 19, 12, 20),
                        1,
                        1 + random.nextInt(20),
                        0,
                        11,
                        Invocation.NEVER);
                int learning = pack.sequences().stream()
                        .mapToInt(s -> Math.max(0, s.tokens().length - s.actsFrom()[0]))
                        .sum();
                device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
                device.beginPack(new int[] {SLOT}, pack);
                assertThat(device.packProgress().learningRows()).isEqualTo(learning);
                assertThat(device.packProgress().backwardRowLayers())
                        .isEqualTo((long) learning * tiny.config().layers());
                double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
                AutogradReference.Result expected = reference.run(pack, adapter);
                assertThat(loss).isCloseTo(expected.loss(), Percentage.withPercentage(100 * tolerance));
                compare(expected.gradient(), device.gradients(SLOT), tolerance);
            }
        }
    }

    /** What lies below acts on all rows, and gradients pass through it. */
    @Test
    void aboveAnAdapterThatActsOnWholeTexts() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter below = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 2, random.nextLong());
        Adapter adapter = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, random.nextLong());
        TrainingPack whole = Devices.pack(random, tiny.config().vocab(), 20, 9);
        TrainingPack pack = acting(whole, 2, 0, 0);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, below);
            int[] slots = {0, SLOT};
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            Devices.train(device, slots, whole, random, List.of());
            Adapter expected = device.gradients(SLOT);
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            Devices.train(device, slots, pack, random, List.of());
            compare(expected, device.gradients(SLOT), FLOAT32_RELATIVE);
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            // A part of the rows only gives another gradient, and it is that of the rows left if no other attends to
            // them.
            Devices.train(device, slots, acting(whole, 2, Invocation.NEVER, 0), random, List.of());
            Adapter second = device.gradients(SLOT);
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            TrainingPack alone = new TrainingPack(List.of(whole.sequences().get(1)), Purpose.LEARN);
            Devices.train(device, slots, alone, random, List.of());
            compare(device.gradients(SLOT), second, FLOAT32_RELATIVE);
            assertThatThrownBy(() -> device.beginPack(
                            slots,
                            new TrainingPack(
                                    List.of(new Sequence(new int[] {1, 2}, new int[] {2, 3}, new int[] {1, 0})),
                                    Purpose.LEARN)))
                    .hasMessageContaining("act from [1, 0] on, in a pack of 2 to learn");
        }
    }

    @Test
    void theInvocationThatCountsIsTheLastOfThePrompt() {
        int no = TrainingPack.IGNORED;
        Invocation invocation = new Invocation(List.of(5, 6));
        int[] tokens = {5, 6, 1, 5, 6, 2, 5, 6, 3};
        assertThat(invocation.start(tokens, 9)).isEqualTo(6);
        assertThat(invocation.start(tokens, 7)).isEqualTo(3);
        assertThat(invocation.start(tokens, 1)).isEqualTo(Invocation.NEVER);
        assertThat(from(tokens, new int[] {no, no, no, no, no, 5, 6, 3, no}, invocation))
                .isEqualTo(3);
        assertThat(from(tokens, new int[] {no, no, 5, 6, no, no, no, 3, no}, invocation))
                .isEqualTo(6);
        assertThat(from(tokens, new int[] {6, 1, 5, 6, 2, 5, 6, 3, no}, invocation))
                .isEqualTo(6);
        Sequence after = new Sequence(tokens, tokens, new int[] {0, 3, Invocation.NEVER}).after(2);
        assertThat(after.actsFrom()).containsExactly(0, 5, Invocation.NEVER);
    }

    private static int from(int[] tokens, int[] labels, Invocation invocation) {
        return new Sequence(tokens, labels)
                .acting(List.of(Optional.of(invocation)))
                .actsFrom()[0];
    }

    private static Map<String, float[]> numbers(Adapter adapter) {
        Map<String, float[]> numbers = new TreeMap<>();
        adapter.modules().forEach((site, change) -> {
            for (Parameter parameter : change.parameters()) {
                numbers.put(site + " " + parameter.name(), parameter.values());
            }
        });
        return numbers;
    }

    private void compare(Adapter expected, Adapter actual, double tolerance) {
        Map<String, float[]> found = numbers(actual);
        double[] whole = new double[2];
        numbers(expected).forEach((name, right) -> {
            double[] own = new double[2];
            for (int i = 0; i < right.length; i++) {
                own[0] += Math.pow(right[i] - found.get(name)[i], 2);
                own[1] += Math.pow(right[i], 2);
            }
            whole[0] += own[0];
            whole[1] += own[1];
            if (tolerance == FLOAT32_RELATIVE) {
                assertThat(Math.sqrt(own[0] / own[1]))
                        .as("%s, seed %d", name, seeded.seed())
                        .isLessThan(tolerance);
            }
        });
        assertThat(Arrays.stream(whole).sum()).isPositive();
        assertThat(Math.sqrt(whole[0] / whole[1]))
                .as("whole, seed %d", seeded.seed())
                .isLessThan(tolerance);
    }
}
