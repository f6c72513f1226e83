package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** Steps in which some of an adapter learns, whatever its form: what learns does so as ever, and the rest not at all. */
class LearningPlanTest {
    private static final int SLOT = 1;
    private static final double FLOAT32_RELATIVE = 1e-4;
    private static final OptimizerConfig ADAMW = new OptimizerConfig(Method.ADAMW, 0.8, 0.95, 1e-6, 0.1, 0, 1);

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    private static SortedSet<Integer> layers(Integer... layers) {
        return new TreeSet<>(List.of(layers));
    }

    @ParameterizedTest
    @CsvSource({
        "LORA, BIASES, KEEP, 1, 1",
        "LORA, QWEN3, RECOMPUTE, 1, 2",
        "IA3, BIASES, KEEP, 1, 2",
        "DORA, LLAMA, RECOMPUTE, 1, 1",
        "PISSA, BIASES, INT8, 1, 1",
        "LORA, LLAMA, KEEP, 0, 2",
        "IA3, QWEN3, KEEP, 0, 1",
        "DORA, BIASES, KEEP, 0, 2",
        "FLORA, BIASES, KEEP, 0, 1",
        "SVFIT, LLAMA, KEEP, 0, 2",
        "BIASED, BIASES, KEEP, 0, 2",
        "SERIES, LLAMA, RECOMPUTE, 1, 2",
        "PARALLEL, QWEN3, KEEP, 0, 1"
    })
    void gradientsOfWhatLearnsEqualAutogradsAndTheRestHasNone(
            Form form, TinyModel.Variant variant, Stash stash, int layer, int lanes) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        double tolerance = stash == Stash.INT8 ? GradientParityTest.INT8_RELATIVE : FLOAT32_RELATIVE;
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, stash));
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            device.openTrainee(SLOT, adapter, ADAMW.withLayers());
            device.learn(SLOT, LearningPlan.only(layers(layer)));
            TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2);
            Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            assertThat(device.packProgress().layers()).isEqualTo(tiny.config().layers() - layer);
            Adapter expected =
                    form.gradient(reference.run(pack, CoreReference.of(adapter)).gradient(), adapter);
            device.gradients(SLOT).modules().forEach((site, found) -> {
                Change right = expected.modules().get(site);
                for (int i = 0; i < right.parameters().size(); i++) {
                    float[] own = found.parameters().get(i).values();
                    if (site.layer() != layer) {
                        assertThat(own).as("%s, seed %d", site, seed).containsOnly(0);
                    } else {
                        assertThat(RelativeError.of(right.parameters().get(i).values(), own))
                                .as("%s, seed %d", site, seed)
                                .isLessThan(tolerance);
                    }
                }
            });
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Form.class,
            mode = Mode.EXCLUDE,
            names = {"PROMPT", "PREFIX"})
    void anAdapterOfTheUpperLayersNeedsNoGradientsBelow(Form form) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        Map<Site, Change> upper =
                new TreeMap<>(form.random(tiny.config(), random.nextLong()).modules());
        upper.keySet().removeIf(site -> site.layer() == 0);
        Adapter adapter = new Adapter(form.random(tiny.config(), 1).config(), upper);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32, Stash.KEEP);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            device.openTrainee(SLOT, adapter, ADAMW);
            TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2);
            Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            assertThat(device.packProgress().layers()).isEqualTo(1);
            Adapter expected =
                    form.gradient(reference.run(pack, CoreReference.of(adapter)).gradient(), adapter);
            assertThat(GradientErrors.of(expected, device.gradients(SLOT)))
                    .allSatisfy((name, error) ->
                            assertThat(error).as("%s, seed %d", name, seed).isLessThan(FLOAT32_RELATIVE));
        }
    }

    /** A layer's own steps are those that count in Adam's correction, and what rests keeps its moments bit for bit. */
    @ParameterizedTest
    @CsvSource({"ADAMW, LORA", "ADAMW_8BIT, DORA", "SGD, IA3", "LION, PISSA"})
    void whatRestsStaysAsItIsAndItsFirstStepIsItsFirst(Method method, Form form) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        Adapter initial = form.random(tiny.config(), random.nextLong());
        OptimizerConfig optimizer = new OptimizerConfig(method, 0.8, 0.95, 1e-6, 0.1, 0, 1).withLayers();
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, optimizer);
            for (int i = 0; i < 3; i++) {
                step(device, pack, LearningPlan.only(layers(0)));
            }
            Adapter before = device.snapshot(SLOT);
            assertLayer(before, initial.served(), 1, true);
            assertLayer(before, initial.served(), 0, false);
            OptimizerState state = device.optimizerState(SLOT);
            step(device, pack, LearningPlan.only(layers(1)));
            Adapter after = device.snapshot(SLOT);
            assertLayer(after, before, 0, true);
            OptimizerState later = device.optimizerState(SLOT);
            assertThat(later.steps()).isEqualTo(4);
            assertThat(later.tensors().get("clocks")).containsExactly(3, 0, 0, 0, 1, 0, 0, 0);

            // Layer 1 did what it does in the first step of all.
            device.openTrainee(SLOT, device.prepare(form.resume(before, state)), optimizer);
            step(device, pack, LearningPlan.EVERYTHING);
            assertLayer(device.snapshot(SLOT), after, 1, true);
            // Layer 0 learns in its fourth step as if there had been no others.
            step(device, form, before, optimizer, state, pack, LearningPlan.only(layers(0)));
            Adapter fourth = device.snapshot(SLOT);
            step(device, form, before, optimizer, later, pack, LearningPlan.only(layers(0)));
            assertLayer(device.snapshot(SLOT), fourth, 0, true);
        }
    }

    private static void step(TorchScriptDecoder device, TrainingPack pack, LearningPlan plan) {
        device.learn(SLOT, plan);
        Devices.trainInWindows(device, new int[] {SLOT}, pack, 13);
        assertThat(device.optimizerStep(SLOT, 1e-2, 0.1)).isFinite();
    }

    private static void step(
            TorchScriptDecoder device,
            Form form,
            Adapter from,
            OptimizerConfig optimizer,
            OptimizerState state,
            TrainingPack pack,
            LearningPlan plan) {
        device.openTrainee(SLOT, device.prepare(form.resume(from, state)), optimizer, state);
        step(device, pack, plan);
    }

    private void assertLayer(Adapter found, Adapter expected, int layer, boolean same) {
        found.modules().forEach((site, change) -> {
            if (site.layer() == layer) {
                for (int i = 0; i < change.parameters().size(); i++) {
                    float[] own = change.parameters().get(i).values();
                    float[] right =
                            expected.modules().get(site).parameters().get(i).values();
                    if (same) {
                        assertThat(own).as("%s, seed %d", site, seed).containsExactly(right);
                    } else {
                        assertThat(own).as("%s, seed %d", site, seed).isNotEqualTo(right);
                    }
                }
            }
        });
    }

    /** What a layer changes is a quarter; afterwards it is as it was, bit for bit. */
    @ParameterizedTest
    @EnumSource(
            value = Form.class,
            mode = Mode.EXCLUDE,
            names = {"PROMPT", "PREFIX", "INCRELORA", "TRIADAPT", "HEAD", "FULL", "L4Q", "PST"})
    void aSuppressedLayerChangesAQuarter(Form form) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        TrainingPack pack = new TrainingPack(
                Devices.pack(random, tiny.config().vocab(), 20, 9).sequences(), Purpose.MEASURE);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, adapter, ADAMW.withLayers());
            double[] whole = measure(device, SLOT, pack);
            device.learn(SLOT, LearningPlan.suppressing(layers(0)));
            double[] suppressed = measure(device, SLOT, pack);
            assertThat(suppressed).isNotEqualTo(whole);
            if (form != Form.DORA) {
                device.putAdapter(0, quarter(adapter, 0));
                double[] expected = measure(device, 0, pack);
                for (int i = 0; i < expected.length; i++) {
                    assertThat(Math.abs(suppressed[i] - expected[i]))
                            .as("seed %d", seed)
                            .isLessThan(1e-5 * expected[i]);
                }
            }
            device.learn(SLOT, LearningPlan.suppressing(layers(1)));
            assertThat(measure(device, SLOT, pack)).isNotEqualTo(suppressed);
            device.learn(SLOT, LearningPlan.EVERYTHING);
            assertThat(measure(device, SLOT, pack)).containsExactly(whole);
        }
    }

    private static double[] measure(TorchScriptDecoder device, int slot, TrainingPack pack) {
        device.beginPack(new int[] {slot}, pack);
        return Devices.run(device, new TrainingWork(pack.rows(), 0), List.of())
                .scores()
                .losses();
    }

    private static Adapter quarter(Adapter adapter, int layer) {
        Map<Site, Change> modules = new TreeMap<>();
        adapter.served()
                .modules()
                .forEach((site, change) -> modules.put(site, site.layer() == layer ? quarter(change) : change));
        return new Adapter(adapter.config(), modules);
    }

    private static Change quarter(Change change) {
        if (change instanceof Scale scale) {
            float[] factors = scale.parameters().get(0).values().clone();
            for (int i = 0; i < factors.length; i++) {
                factors[i] = 1 + (factors[i] - 1) / 4;
            }
            return scale.with(List.of(factors));
        }
        if (change instanceof Bottleneck own) {
            float[] bias = quarter(own.upBias());
            float[] up = quarter(own.up());
            return new Bottleneck(own.width(), own.channels(), own.kind(), own.down(), own.downBias(), bias, up);
        }
        if (change instanceof SingleWeights own) {
            return own.with(List.of(quarter(own.values())));
        }
        LowRank whole = change.lowRank().orElseThrow();
        LowRank part =
                new LowRank(whole.rank(), whole.inputs(), whole.outputs(), whole.a(), whole.b(), whole.scaling() / 4);
        return change instanceof BiasedFactors own ? new BiasedFactors(part, own.bias()) : part;
    }

    private static float[] quarter(float[] numbers) {
        float[] part = numbers.clone();
        for (int i = 0; i < part.length; i++) {
            part[i] /= 4;
        }
        return part;
    }

    @Test
    void plansThatCannotBeAreRefused() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        Adapter adapter = Form.LORA.random(tiny.config(), 1);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, adapter, ADAMW);
            refused(device, LearningPlan.only(layers(0)), "all layers learn in every step");
            device.openTrainee(SLOT, adapter, ADAMW.withLayers());
            refused(device, LearningPlan.only(layers(2)), "layers [2] of a model of 2");
            refused(device, LearningPlan.suppressing(layers(-1)), "layers [-1] of a model of 2");
            OptimizerState state = device.optimizerState(SLOT);
            assertThatThrownBy(() -> device.openTrainee(SLOT, device.prepare(adapter), ADAMW, state))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("clocks");
            device.openTrainee(SLOT, Form.TRIADAPT.random(tiny.config(), 1), ADAMW.withLayers());
            refused(device, LearningPlan.only(layers(0)), "all layers learn in every step");
            Adapter prompt = Form.PROMPT.random(tiny.config(), 1);
            device.openTrainee(SLOT, prompt, ADAMW.withLayers());
            refused(device, LearningPlan.only(layers(0)), "virtual tokens belong to no layer");
        }
        assertThatThrownBy(() -> LearningPlan.only(layers())).hasMessageContaining("no layer learns");
    }

    private static void refused(TorchScriptDecoder device, LearningPlan plan, String why) {
        assertThatThrownBy(() -> device.learn(SLOT, plan))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why);
    }
}
