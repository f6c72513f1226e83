package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The hand-written backward pass, cut into random windows, against libtorch's autograd on whole sequences. A gradient
 * tensor is right if its difference from the reference is small against its norm.
 */
class GradientParityTest {
    private static final double FLOAT32_RELATIVE = 1e-4;
    /**
     * How much of the gradient bfloat16 loses depends on the model: up to a tenth where much of it cancels. So autograd
     * in bfloat16 is the measure. Over 192 groups of five models our error was 0.31 to 1.21 times autograd's, over 301 with
     * quantized weights at most 1.13 times; one of those lost more than a tenth.
     */
    private static final double TIMES_AUTOGRAD = 2;

    private static final int MODELS = 5;

    /** Of the loss in bfloat16. */
    private static final double BFLOAT16_RELATIVE = 0.1;

    /**
     * Of the whole gradient. Over 960 random models and packs the error's median was 0.011 and its largest 0.033; it
     * depends on how much of the gradient cancels, and some random model in a thousand has 0.054.
     */
    static final double INT8_RELATIVE = 0.1;

    private static final int SPLITS = 10;
    private static final int SLOT = 1;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    @ParameterizedTest
    @EnumSource
    void tenRandomSplitsInFloat32(TinyModel.Variant variant) throws IOException {
        check(variant, Dtype.FLOAT32, Stash.KEEP, SPLITS, FLOAT32_RELATIVE);
    }

    @ParameterizedTest
    @EnumSource
    void recomputedActivationsInFloat32(TinyModel.Variant variant) throws IOException {
        check(variant, Dtype.FLOAT32, Stash.RECOMPUTE, 3, FLOAT32_RELATIVE);
    }

    @ParameterizedTest
    @EnumSource
    void activationsInEightBitsWithinTheirRounding(TinyModel.Variant variant) throws IOException {
        check(variant, Dtype.FLOAT32, Stash.INT8, 2, INT8_RELATIVE);
    }

    @ParameterizedTest
    @MethodSource("io.tandem.kernels.decoder.Forms#bfloat16")
    void bfloat16AsPreciseAsAutograd(TinyModel.Variant variant, WeightForms forms) throws IOException {
        asPreciseAsAutograd(
                () -> TinyModel.of(variant, random.nextLong()),
                Forms.limits(Dtype.BFLOAT16, forms, Stash.KEEP),
                Forms.limits(Dtype.BFLOAT16, forms, Stash.INT8));
    }

    /** Each of the devices errs about as much as autograd does in bfloat16. */
    private void asPreciseAsAutograd(Supplier<TinyModel> models, KernelsConfig... devices) throws IOException {
        double[][] ours = new double[devices.length][MODELS];
        double[] autograd = new double[MODELS];
        for (int model = 0; model < MODELS; model++) {
            TinyModel tiny = models.get();
            Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
            TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2);
            AutogradReference.Result expected = autograd(tiny, Dtype.FLOAT32, pack, adapter);
            AutogradReference.Result rounded = autograd(tiny, Dtype.BFLOAT16, pack, adapter);
            autograd[model] = compare(expected, rounded.loss(), rounded.gradient(), BFLOAT16_RELATIVE);
            for (int i = 0; i < devices.length; i++) {
                try (TorchScriptDecoder device = Devices.load(tiny, devices[i])) {
                    device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
                    double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
                    ours[i][model] = compare(expected, loss, device.gradients(SLOT), BFLOAT16_RELATIVE);
                }
            }
        }
        // The median, because some random models are so ill-conditioned that rounding decides: with one of them,
        // changing the adapter by a thousandth moves autograd's own error between 0.07 and 0.49, and ours between
        // 0.09 and 0.60. Whose is larger there is chance, and has nothing to do with the stash.
        Arrays.sort(autograd);
        for (int i = 0; i < devices.length; i++) {
            Arrays.sort(ours[i]);
            assertThat(ours[i][MODELS / 2] / autograd[MODELS / 2])
                    .as("error with %s over autograd's, seed %d", devices[i].stash(), seed)
                    .isLessThan(TIMES_AUTOGRAD);
        }
    }

    private static AutogradReference.Result autograd(TinyModel tiny, Dtype dtype, TrainingPack pack, Adapter adapter) {
        try (AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights(), dtype)) {
            return reference.run(pack, adapter);
        }
    }

    @ParameterizedTest
    @MethodSource("io.tandem.kernels.decoder.Forms#float16")
    void weightsInFloat16(TinyModel.Variant variant, WeightForms forms) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        check(tiny, Forms.limits(Dtype.FLOAT32, forms, Stash.KEEP), 2, FLOAT32_RELATIVE);
    }

    /**
     * Gradients go back through the widened weights: those of a model that has them from the start. Where rows are rounded
     * to bfloat16, autograd is the measure, as above.
     */
    @ParameterizedTest
    @MethodSource("io.tandem.kernels.decoder.Forms#quantized")
    void quantizedWeights(TinyModel.Variant variant, Dtype dtype, WeightForms forms) throws IOException {
        KernelsConfig limits = Forms.limits(dtype, forms, Stash.KEEP);
        Supplier<TinyModel> models = () -> QuantizedWeights.of(TinyModel.of(variant, random.nextLong()), forms.many());
        if (Forms.isExact(dtype, forms)) {
            check(models.get(), limits, 1, FLOAT32_RELATIVE);
        } else {
            asPreciseAsAutograd(models, limits);
        }
    }

    private void check(TinyModel.Variant variant, Dtype dtype, Stash stash, int splits, double tolerance)
            throws IOException {
        check(TinyModel.of(variant, random.nextLong()), Devices.limits(dtype, 128, stash), splits, tolerance);
    }

    private void check(TinyModel tiny, KernelsConfig limits, int splits, double tolerance) throws IOException {
        for (double error : errors(tiny, limits, splits)) {
            assertThat(error)
                    .as("relative error of the whole gradient, seed %d", seed)
                    .isLessThan(tolerance);
        }
    }

    /** For each split the relative error of the whole gradient; in float32 every tensor's error is checked too. */
    private double[] errors(TinyModel tiny, KernelsConfig limits, int splits) throws IOException {
        double tolerance = limits.stash() == Stash.INT8 ? INT8_RELATIVE : FLOAT32_RELATIVE;
        double[] errors = new double[splits];
        Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, limits);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            for (int split = 0; split < splits; split++) {
                TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2);
                device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
                double loss = Devices.train(device, new int[] {SLOT}, pack, random, traffic(tiny, split));
                errors[split] = compare(reference.run(pack, adapter), loss, device.gradients(SLOT), tolerance);
            }
        }
        return errors;
    }

    /** Some of the splits share their iterations with inference. */
    private List<Segment> traffic(TinyModel tiny, int split) {
        List<Segment> segments = new ArrayList<>();
        if (split % 2 == 1) {
            int vocab = tiny.config().vocab();
            segments.add(
                    Devices.segment(0, 0, Devices.tokens(random, 9, vocab), IterationInputs.BASE, Sampling.GREEDY));
            segments.add(Devices.segment(2, 0, Devices.tokens(random, 1, vocab), new int[] {SLOT}, Sampling.GREEDY));
        }
        return segments;
    }

    /** The relative error of the whole gradient. */
    private double compare(AutogradReference.Result expected, double loss, Adapter gradients, double tolerance) {
        assertThat(loss)
                .as("loss, seed %d", seed)
                .isCloseTo(expected.loss(), Percentage.withPercentage(100 * tolerance));
        double[] whole = new double[2];
        gradients.factors().forEach((site, actual) -> {
            LowRank right = expected.gradient().factors().get(site);
            compare(site + " A", right.a(), actual.a(), tolerance, whole);
            compare(site + " B", right.b(), actual.b(), tolerance, whole);
        });
        return Math.sqrt(whole[0] / whole[1]);
    }

    private void compare(String name, float[] expected, float[] actual, double tolerance, double[] whole) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(expected[i] - actual[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        whole[0] += difference;
        whole[1] += norm;
        if (tolerance == FLOAT32_RELATIVE) {
            assertThat(Math.sqrt(difference / norm))
                    .as("relative error of the gradient of %s, seed %d", name, seed)
                    .isLessThan(tolerance);
        }
    }

    private static void addScaled(float[] sum, double factor, float[] values) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += (float) (factor * values[i]);
        }
    }

    /**
     * The layers below must learn through what the frozen adapters change, and those must not learn themselves. Each pack
     * of a mini-batch may have another below.
     */
    @ParameterizedTest
    @CsvSource({"LLAMA, KEEP", "QWEN3, KEEP", "LLAMA, RECOMPUTE", "QWEN3, RECOMPUTE"})
    void frozenAdaptersBelowTheTrainee(TinyModel.Variant variant, Stash stash) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter trainee = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32, stash);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            device.openTrainee(SLOT, trainee, OptimizerConfig.DEFAULT);
            List<Adapter> parts = new ArrayList<>();
            for (int rank : new int[] {3, 2}) {
                Adapter frozen = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), rank, random.nextLong());
                TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20);
                device.putAdapter(0, frozen);
                double loss = Devices.train(device, new int[] {0, SLOT}, pack, random, List.of());
                AutogradReference.Result both =
                        reference.run(pack.sequences().get(0), TinyAdapters.stacked(frozen, trainee));
                assertThat(loss).isCloseTo(both.loss(), Percentage.withPercentage(100 * FLOAT32_RELATIVE));
                parts.add(both.gradient());
            }
            Adapter gradients = device.gradients(SLOT);
            trainee.factors().forEach((site, factors) -> {
                float[] a = new float[factors.a().length];
                float[] b = new float[factors.b().length];
                for (Adapter part : parts) {
                    addUpper(part.factors().get(site), factors, a, b);
                }
                LowRank actual = gradients.factors().get(site);
                compare(site + " A", a, actual.a(), FLOAT32_RELATIVE, new double[2]);
                compare(site + " B", b, actual.b(), FLOAT32_RELATIVE, new double[2]);
            });
        }
    }

    /** Adds the upper one's share of the gradient of two that are stacked. */
    private static void addUpper(LowRank whole, LowRank upper, float[] a, float[] b) {
        int below = whole.rank() - upper.rank();
        addScaled(a, 1, Arrays.copyOfRange(whole.a(), below * whole.inputs(), whole.a().length));
        for (int i = 0; i < b.length; i++) {
            int column = below + i % upper.rank();
            b[i] += (float) (upper.scaling() * whole.b()[i / upper.rank() * whole.rank() + column]);
        }
    }

    @Test
    void sequencesWeighWhatTheirFactorSays() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter adapter = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, random.nextLong());
        double[] factors = {-0.75, 0.5, 2};
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 7, 13);
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            double[] losses = Devices.forward(device, new int[] {SLOT}, pack, random, List.of())
                    .losses();
            device.scaleSequences(0, factors);
            Devices.backward(device, pack, random, List.of());
            List<AutogradReference.Result> results = pack.sequences().stream()
                    .map(sequence -> reference.run(sequence, adapter))
                    .toList();
            for (int s = 0; s < factors.length; s++) {
                assertThat(losses[s])
                        .isCloseTo(results.get(s).loss(), Percentage.withPercentage(100 * FLOAT32_RELATIVE));
            }
            device.gradients(SLOT).factors().forEach((site, actual) -> {
                float[] a = new float[actual.a().length];
                float[] b = new float[actual.b().length];
                for (int s = 0; s < factors.length; s++) {
                    LowRank part = results.get(s).gradient().factors().get(site);
                    addScaled(a, factors[s], part.a());
                    addScaled(b, factors[s], part.b());
                }
                compare(site + " A", a, actual.a(), FLOAT32_RELATIVE, new double[2]);
                compare(site + " B", b, actual.b(), FLOAT32_RELATIVE, new double[2]);
            });
            assertThatThrownBy(() -> device.scaleSequences(0, new double[2])).hasMessageContaining("2 factors for 3");
        }
    }

    @Test
    void measuringGivesLossesAndLearnsNothing() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter adapter = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            TrainingPack learned = Devices.pack(random, tiny.config().vocab(), 20, 7, 13, 5);
            TrainingPack pack = new TrainingPack(learned.sequences(), TrainingPack.Purpose.MEASURE);
            device.putAdapter(SLOT, adapter);
            double[] served = Devices.forward(device, new int[] {SLOT}, pack, random, List.of())
                    .losses();
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            double[] losses = Devices.forward(device, new int[] {SLOT}, pack, random, List.of())
                    .losses();
            for (int s = 0; s < losses.length; s++) {
                double expected =
                        reference.run(pack.sequences().get(s), adapter).loss();
                assertThat(losses[s]).isCloseTo(expected, Percentage.withPercentage(100 * FLOAT32_RELATIVE));
                assertThat(served[s]).isCloseTo(expected, Percentage.withPercentage(100 * FLOAT32_RELATIVE));
            }
            double[] base = Devices.forward(device, IterationInputs.BASE, pack, random, List.of())
                    .losses();
            assertThat(IntStream.range(0, losses.length)).as("seed %d", seed).anyMatch(s -> {
                return Math.abs(base[s] / losses[s] - 1) > 1e-3;
            });
            assertThatThrownBy(() -> Devices.backward(device, pack, random, List.of()))
                    .hasMessageContaining("only measures");
            device.gradients(SLOT)
                    .factors()
                    .forEach((site, gradient) -> assertThat(gradient.a()).containsOnly(0));
        }
    }

    @Test
    void someTargetsOnly() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.QWEN2, random.nextLong());
        Set<TargetModule> targets = Set.of(TargetModule.Q_PROJ, TargetModule.V_PROJ);
        Adapter adapter = TinyAdapters.random(tiny.config(), targets, 4, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 11);
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            assertThat(compare(reference.run(pack, adapter), loss, device.gradients(SLOT), FLOAT32_RELATIVE))
                    .isLessThan(FLOAT32_RELATIVE);
        }
    }
}
