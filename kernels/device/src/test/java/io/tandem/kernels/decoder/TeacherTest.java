package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What adapters learn from a teacher. */
class TeacherTest {
    private static final int SLOT = 1;
    private static final int VOCAB = 61;
    private static final double FLOAT32_RELATIVE = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    @TempDir
    Path directory;

    private KernelsConfig limits(TinyModel teacher, int lanes, Stash stash) throws IOException {
        teacher.write(directory);
        return Devices.limits(Dtype.FLOAT32, lanes, 128, stash).withTeacher(Optional.of(directory));
    }

    /** Changes nothing. */
    private static Adapter idle(ModelConfig model) {
        return TinyAdapters.filled(model, 1, 0, 0);
    }

    private static Sequence labelled(Sequence sequence, int position, int label) {
        int[] labels = new int[sequence.tokens().length];
        Arrays.fill(labels, TrainingPack.IGNORED);
        labels[position] = label;
        return new Sequence(sequence.tokens(), labels);
    }

    /**
     * The gradient of KL(teacher || student) is that of the cross-entropy with each token as the label, as often as the teacher
     * expects it; and each of those is autograd's.
     */
    @ParameterizedTest
    @CsvSource({"LORA, KEEP, 1", "DORA, RECOMPUTE, 2", "IA3, KEEP, 2", "FULL, RECOMPUTE, 2"})
    void gradientsAreThoseOfTheExpectedCrossEntropy(Form form, Stash stash, int lanes) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        TinyModel teacher = TinyModel.of(TinyModel.Variant.QWEN2, random.nextLong());
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        TrainingPack pack = few(9, 6);
        try (TorchScriptDecoder device = Devices.load(tiny, limits(teacher, lanes, stash));
                AutogradReference student = new AutogradReference(tiny.config(), tiny.weights());
                AutogradReference expects = new AutogradReference(teacher.config(), teacher.weights())) {
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            device.learn(SLOT, LearningPlan.TAUGHT);
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            double expected = 0;
            float[] gradient = new float[SkippedLayersTest.numbers(adapter).length];
            Adapter idle = idle(teacher.config());
            for (Sequence sequence : pack.sequences()) {
                for (int position = 0; position < sequence.tokens().length; position++) {
                    for (int token = 0; sequence.labels()[position] >= 0 && token < VOCAB; token++) {
                        Sequence one = labelled(sequence, position, token);
                        double taught = expects.run(one, idle).loss();
                        AutogradReference.Result own = student.run(one, adapter);
                        expected += Math.exp(-taught) * (own.loss() - taught);
                        float[] part = SkippedLayersTest.numbers(own.gradient());
                        for (int i = 0; i < part.length; i++) {
                            gradient[i] += (float) Math.exp(-taught) * part[i];
                        }
                    }
                }
            }
            assertThat(loss).as("seed %d", seed).isCloseTo(expected, Percentage.withPercentage(0.1));
            assertThat(RelativeError.of(gradient, SkippedLayersTest.numbers(device.gradients(SLOT))))
                    .as("seed %d", seed)
                    .isLessThan(FLOAT32_RELATIVE);

            // Measured, and without the plan, it is the cross-entropy of the labels.
            double entropy = Arrays.stream(Devices.forward(
                                    device,
                                    new int[] {SLOT},
                                    new TrainingPack(pack.sequences(), Purpose.MEASURE),
                                    random,
                                    List.of())
                            .losses())
                    .sum();
            assertThat(entropy)
                    .isCloseTo(student.run(pack, adapter).loss(), Percentage.withPercentage(100 * FLOAT32_RELATIVE));
            device.learn(SLOT, LearningPlan.EVERYTHING);
            assertThat(Devices.train(device, new int[] {SLOT}, pack, random, List.of()))
                    .isCloseTo(entropy, Percentage.withPercentage(100 * FLOAT32_RELATIVE));
        }
    }

    /** Sequences with a label each. */
    private TrainingPack few(int... lengths) {
        return new TrainingPack(
                Arrays.stream(lengths)
                        .mapToObj(length -> {
                            int[] labels = new int[length];
                            Arrays.fill(labels, TrainingPack.IGNORED);
                            labels[random.nextInt(length)] = random.nextInt(VOCAB);
                            return new Sequence(Devices.tokens(random, length, VOCAB), labels);
                        })
                        .toList(),
                Purpose.LEARN);
    }

    @Test
    void aTeacherThatIsTheStudentTeachesNothing() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        TrainingPack pack = Devices.pack(random, VOCAB, 33, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, limits(tiny, 1, Stash.KEEP))) {
            device.openTrainee(SLOT, idle(tiny.config()), OptimizerConfig.DEFAULT);
            device.learn(SLOT, LearningPlan.TAUGHT);
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            assertThat(loss).isCloseTo(0, Offset.offset(1e-4));
            assertThat(SkippedLayersTest.numbers(device.gradients(SLOT))).containsOnly(0);
        }
    }

    /** Steps bring the student nearer to what the teacher expects. */
    @Test
    void stepsMakeTheDistanceSmaller() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        TinyModel teacher = TinyModel.of(TinyModel.Variant.MISTRAL, random.nextLong());
        TrainingPack pack = Devices.pack(random, VOCAB, 33, 20);
        try (TorchScriptDecoder device = Devices.load(tiny, limits(teacher, 1, Stash.KEEP))) {
            Adapter start = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 8, 1);
            device.openTrainee(SLOT, start, OptimizerConfig.DEFAULT);
            device.learn(SLOT, LearningPlan.TAUGHT);
            double first = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            device.optimizerStep(SLOT, 1e-2, 1.0 / 50);
            double last = first;
            for (int step = 0; step < 30; step++) {
                last = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
                device.optimizerStep(SLOT, 1e-2, 1.0 / 50);
            }
            assertThat(last).as("of %f, seed %d", first, seed).isLessThan(first / 2);
            assertThat(device.memory().weightBytes()).isGreaterThan(0);
        }
    }

    @Test
    void withoutATeacherThereIsNothingToLearnFrom() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, idle(tiny.config()), OptimizerConfig.DEFAULT);
            assertThatThrownBy(() -> device.learn(SLOT, LearningPlan.TAUGHT))
                    .hasMessageContaining("there is no teacher");
        }
        KernelsConfig limits = limits(TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1), 1, Stash.KEEP);
        assertThatThrownBy(() -> Devices.load(tiny, limits))
                .hasMessageContaining("is to teach a model with a vocabulary of 61");
    }
}
