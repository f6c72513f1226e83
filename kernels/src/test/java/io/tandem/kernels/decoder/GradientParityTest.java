package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.Dtype;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The hand-written backward pass, cut into random windows, against libtorch's autograd on whole sequences. A gradient
 * tensor is right if its difference from the reference is small against its norm.
 */
class GradientParityTest {
    private static final double FLOAT32_RELATIVE = 1e-4;
    /** Of the whole gradient: 8 bits of mantissa leave little of a factor whose gradient happens to be small. */
    private static final double BFLOAT16_RELATIVE = 0.1;

    private static final int SPLITS = 10;
    private static final int SLOT = 1;

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);

    @ParameterizedTest
    @EnumSource
    void tenRandomSplitsInFloat32(TinyModel.Variant variant) throws IOException {
        check(variant, Dtype.FLOAT32, SPLITS, FLOAT32_RELATIVE);
    }

    @ParameterizedTest
    @EnumSource
    void bfloat16WithinItsPrecision(TinyModel.Variant variant) throws IOException {
        check(variant, Dtype.BFLOAT16, 2, BFLOAT16_RELATIVE);
    }

    private void check(TinyModel.Variant variant, Dtype dtype, int splits, double tolerance) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, dtype);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            for (int split = 0; split < splits; split++) {
                TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2);
                device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
                double loss = Devices.train(device, SLOT, pack, random, traffic(tiny, split));
                compare(reference, pack, adapter, loss, device.gradients(SLOT), tolerance);
            }
        }
    }

    /** Some of the splits share their iterations with inference. */
    private List<Segment> traffic(TinyModel tiny, int split) {
        List<Segment> segments = new ArrayList<>();
        if (split % 2 == 1) {
            int vocab = tiny.config().vocab();
            segments.add(Devices.segment(0, 0, Devices.tokens(random, 9, vocab), -1, Sampling.GREEDY));
            segments.add(Devices.segment(2, 0, Devices.tokens(random, 1, vocab), SLOT, Sampling.GREEDY));
        }
        return segments;
    }

    private void compare(
            AutogradReference reference,
            TrainingPack pack,
            Adapter adapter,
            double loss,
            Adapter gradients,
            double tolerance) {
        double expectedLoss = 0;
        List<Adapter> parts = new ArrayList<>();
        for (TrainingPack.Sequence sequence : pack.sequences()) {
            AutogradReference.Result result = reference.run(sequence, adapter);
            expectedLoss += result.loss();
            parts.add(result.gradient());
        }
        assertThat(loss).as("loss, seed %d", seed).isCloseTo(expectedLoss, Percentage.withPercentage(100 * tolerance));
        double[] whole = new double[2];
        gradients.modules().forEach((site, actual) -> {
            float[] a = new float[actual.a().length];
            float[] b = new float[actual.b().length];
            for (Adapter part : parts) {
                add(a, part.modules().get(site).a());
                add(b, part.modules().get(site).b());
            }
            compare(site + " A", a, actual.a(), tolerance, whole);
            compare(site + " B", b, actual.b(), tolerance, whole);
        });
        assertThat(Math.sqrt(whole[0] / whole[1]))
                .as("relative error of the whole gradient, seed %d", seed)
                .isLessThan(tolerance);
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

    private static void add(float[] sum, float[] values) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += values[i];
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
            double loss = Devices.train(device, SLOT, pack, random, List.of());
            compare(reference, pack, adapter, loss, device.gradients(SLOT), FLOAT32_RELATIVE);
        }
    }
}
