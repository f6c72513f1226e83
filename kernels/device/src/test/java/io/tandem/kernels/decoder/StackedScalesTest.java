package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Several adapters that scale the same channels: (IA)^3 multiplies, DoRA adds up, as in PEFT. */
class StackedScalesTest {
    private static final int SLOT = 3;
    private static final Offset<Float> LOGPROBS = Offset.offset(2e-5f);
    private static final double RELATIVE = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());

    /** So the gradient of one is that of the product times the other. */
    @ParameterizedTest
    @EnumSource(
            value = Stash.class,
            names = {"KEEP", "RECOMPUTE"})
    void factorsMultiply(Stash stash) throws IOException {
        Adapter below = TinyAdapters.scales(tiny.config(), random.nextLong());
        Adapter above = TinyAdapters.scales(tiny.config(), random.nextLong());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32, stash)) {
            requireSame(device, List.of(below, above), product(below, above));
            device.openTrainee(SLOT, product(below, above), OptimizerConfig.DEFAULT);
            double alone = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            Adapter expected = product(device.gradients(SLOT), below);
            device.closeTrainee(SLOT);
            device.openTrainee(SLOT, above, OptimizerConfig.DEFAULT);
            double loss = Devices.train(device, new int[] {0, SLOT}, pack, random, List.of());
            assertThat(loss).isCloseTo(alone, Percentage.withPercentage(100 * RELATIVE));
            device.gradients(SLOT)
                    .modules()
                    .forEach((site, found) -> assertThat(distance(
                                    numbers(found), numbers(expected.modules().get(site))))
                            .as(site.toString())
                            .isLessThan(RELATIVE));
        }
    }

    /** Without a direction, so that what is left of DoRA is how its magnitudes differ from the weight's norms. */
    @Test
    void whatMagnitudesDifferByAddsUp() throws IOException {
        Adapter first = TinyAdapters.dora(tiny.config(), 3, random.nextLong());
        Adapter second = TinyAdapters.dora(tiny.config(), 3, random.nextLong());
        Map<Site, Change> sum = new TreeMap<>();
        first.modules().forEach((site, change) -> {
            float[] norms = norms(tiny.weights().get(site + ".weight"), change.inputs());
            float[] magnitude = change.parameters().get(2).values().clone();
            float[] others = second.modules().get(site).parameters().get(2).values();
            for (int i = 0; i < magnitude.length; i++) {
                magnitude[i] += others[i] - norms[i];
            }
            sum.put(site, magnitudes(change, magnitude));
        });
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            requireSame(
                    device,
                    List.of(withoutDirection(first), withoutDirection(second)),
                    new Adapter(first.config(), sum));
        }
    }

    private void requireSame(TorchScriptDecoder device, List<Adapter> stack, Adapter one) {
        device.putAdapter(0, stack.get(0));
        device.putAdapter(1, stack.get(1));
        device.putAdapter(2, one);
        int[] prompt = Devices.tokens(random, 9, tiny.config().vocab());
        float[] expected = logprobs(device, prompt, 2);
        assertThat(logprobs(device, prompt, 0, 1)).containsExactly(expected, LOGPROBS);
        assertThat(logprobs(device, prompt, 1, 0)).containsExactly(expected, LOGPROBS);
        assertThat(distance(logprobs(device, prompt, 0), expected)).isGreaterThan(1e-3);
    }

    private static float[] logprobs(TorchScriptDecoder device, int[] prompt, int... slots) {
        return Devices.byToken(Devices.run(device, Devices.segment(0, 0, prompt, slots, Devices.scored(device)))
                .draws()
                .get(0));
    }

    private static Adapter product(Adapter first, Adapter second) {
        Map<Site, Change> modules = new TreeMap<>();
        first.modules().forEach((site, change) -> {
            float[] factors = numbers(change).clone();
            float[] others = numbers(second.modules().get(site));
            for (int i = 0; i < factors.length; i++) {
                factors[i] *= others[i];
            }
            modules.put(site, change.with(List.of(factors)));
        });
        return new Adapter(first.config(), modules);
    }

    private static float[] numbers(Change change) {
        return change.parameters().get(0).values();
    }

    private static Adapter withoutDirection(Adapter adapter) {
        Map<Site, Change> modules = new TreeMap<>();
        adapter.modules()
                .forEach((site, change) -> modules.put(
                        site, magnitudes(change, change.parameters().get(2).values())));
        return new Adapter(adapter.config(), modules);
    }

    private static Dora magnitudes(Change change, float[] magnitude) {
        LowRank factors = change.lowRank().orElseThrow();
        return new Dora(factors.with(List.of(factors.a(), new float[factors.b().length])), magnitude);
    }

    /** Of a weight's rows. */
    private static float[] norms(float[] weight, int inputs) {
        float[] norms = new float[weight.length / inputs];
        for (int row = 0; row < norms.length; row++) {
            double squares = 0;
            for (int i = row * inputs; i < (row + 1) * inputs; i++) {
                squares += (double) weight[i] * weight[i];
            }
            norms[row] = (float) Math.sqrt(squares);
        }
        return norms;
    }

    /** Relative to the second vector's length. */
    private static double distance(float[] first, float[] second) {
        double difference = 0;
        double squares = 0;
        for (int i = 0; i < second.length; i++) {
            difference += Math.pow(first[i] - second[i], 2);
            squares += Math.pow(second[i], 2);
        }
        return Math.sqrt(difference / squares);
    }
}
