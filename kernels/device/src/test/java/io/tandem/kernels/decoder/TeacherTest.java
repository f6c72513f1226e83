package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
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
import io.tandem.kernels.recursion.RecursiveConversion;
import io.tandem.kernels.recursion.SharedWeights;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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
    @CsvSource({"LORA, KEEP, 1", "DORA, RECOMPUTE, 2", "IA3, KEEP, 2", "FULL, RECOMPUTE, 2", "L4Q, KEEP, 1"})
    void gradientsAreThoseOfTheExpectedCrossEntropy(Form form, Stash stash, int lanes) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        TinyModel teacher = TinyModel.of(TinyModel.Variant.QWEN2, random.nextLong());
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        TrainingPack pack = few(9, 6);
        try (TorchScriptDecoder device = Devices.load(tiny, limits(teacher, lanes, stash));
                AutogradReference student = new AutogradReference(tiny.config(), tiny.weights());
                AutogradReference expects = new AutogradReference(teacher.config(), teacher.weights())) {
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            device.learn(SLOT, LearningPlan.taught(0));
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

    /**
     * What tokens leave a recursive model early with is what they leave it with if they skip the layers behind: the gradients
     * add up, whatever layers an adapter below skips.
     */
    @ParameterizedTest
    @CsvSource({"2, KEEP, 1, ''", "3, RECOMPUTE, 2, ''", "3, KEEP, 2, 14"})
    void exitsAddTheirGradients(int loops, Stash stash, int lanes, String skipped) throws IOException {
        ModelConfig config =
                ModelConfig.llama(6, 32, 4, 2, 8, 44, VOCAB).maxPositions(512).build();
        TinyModel base = TinyModel.of(config, random.nextLong());
        base.write(directory.resolve("base"));
        Path looped = directory.resolve("looped");
        new RecursiveConversion(ModelSource.open(directory.resolve("base")), loops, 4, SharedWeights.AVERAGE)
                .write(looped, (done, total, what) -> {});
        KernelsConfig limits =
                Devices.limits(Dtype.FLOAT32, lanes, 128, stash).withTeacher(Optional.of(directory.resolve("base")));
        SortedSet<Integer> below =
                skipped.chars().mapToObj(digit -> digit - '0').collect(Collectors.toCollection(TreeSet::new));
        Adapter adapter = Form.DORA.random(config, random.nextLong());
        TrainingPack pack = Devices.pack(random, VOCAB, 33, 1, 17, 20);
        double weight = 0.3;
        try (TorchScriptDecoder device = TorchScriptDecoder.load(ModelSource.open(looped), limits, LoadProgress.NONE)) {
            device.putAdapter(
                    0,
                    TinyAdapters.random(config, LoraConfig.allLinears(), 3, 1).skipping(below));
            float[] expected = gradient(device, adapter, LearningPlan.taught(0), pack, List.of());
            for (int loop = 1; loop < loops; loop++) {
                SortedSet<Integer> behind =
                        IntStream.range(loop * 6 / loops, 6).boxed().collect(Collectors.toCollection(TreeSet::new));
                float[] exit = gradient(device, adapter, taughtSkipping(behind), pack, List.of());
                for (int i = 0; i < expected.length; i++) {
                    expected[i] += (float) weight * exit[i];
                }
            }
            Segment leaving = new Segment(
                    2,
                    0,
                    new int[] {1},
                    IterationInputs.BASE,
                    List.of(Sampling.GREEDY),
                    Optional.empty(),
                    false,
                    0,
                    Optional.of(new EarlyExit(0.01, new int[] {EarlyExit.WHEN_SURE})));
            for (List<Segment> beside : List.of(List.<Segment>of(), List.of(leaving))) {
                float[] found = gradient(device, adapter, LearningPlan.taught(weight), pack, beside);
                assertThat(RelativeError.of(expected, found))
                        .as("seed %d", seed)
                        .isLessThan(FLOAT32_RELATIVE);
            }
        }
        try (TorchScriptDecoder plain = Devices.load(base, limits)) {
            plain.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            assertThatThrownBy(() -> plain.learn(SLOT, LearningPlan.taught(weight)))
                    .hasMessage("the model has no loops whose outputs could learn");
        }
    }

    private static LearningPlan taughtSkipping(SortedSet<Integer> layers) {
        SortedSet<Integer> none = new TreeSet<>();
        return new LearningPlan(Optional.empty(), none, 0, false, true, none, layers, true, 0, 0);
    }

    /** Trained on a slot with another adapter below. */
    private float[] gradient(
            TorchScriptDecoder device, Adapter adapter, LearningPlan plan, TrainingPack pack, List<Segment> beside) {
        device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
        device.learn(SLOT, plan);
        Devices.train(device, new int[] {0, SLOT}, pack, random, beside);
        return SkippedLayersTest.numbers(device.gradients(SLOT));
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
            device.learn(SLOT, LearningPlan.taught(0));
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
            device.learn(SLOT, LearningPlan.taught(0));
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
            assertThatThrownBy(() -> device.learn(SLOT, LearningPlan.taught(0)))
                    .hasMessageContaining("there is no teacher");
        }
        KernelsConfig limits = limits(TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1), 1, Stash.KEEP);
        assertThatThrownBy(() -> Devices.load(tiny, limits))
                .hasMessageContaining("is to teach a model with a vocabulary of 61");
    }
}
