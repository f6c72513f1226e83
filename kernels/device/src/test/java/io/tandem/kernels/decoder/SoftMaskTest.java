package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValueUtils;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Purpose;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.adapter.learning.RankPruning;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.torchscript.ScriptModule;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks on their way to be pruned count as their masks say, and learn through them. */
class SoftMaskTest {
    private static final int SLOT = 1;
    private static final double FLOAT32_RELATIVE = 1e-4;
    private static final OptimizerConfig ADAMW = new OptimizerConfig(Method.ADAMW, 0.8, 0.95, 1e-6, 0.1, 0, 1);

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    /** How many ranks that are, told by the adapter. */
    private static int pruned(Adapter adapter, double sparsity) {
        return LearningPlan.pruning(sparsity)
                .pruned(adapter.factors().values().stream()
                        .mapToInt(LowRank::rank)
                        .sum());
    }

    /** Autograd's, through the masked adapter to A and the masked B, and through the masks to A and B. */
    @ParameterizedTest
    @CsvSource({"LLAMA, KEEP, 0.5, 1", "BIASES, RECOMPUTE, 0.9, 1", "QWEN3, KEEP, 0.1, 2"})
    void gradientsEqualAutogradsForRandomWindows(TinyModel.Variant variant, Stash stash, double sparsity, int lanes)
            throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
        RankPruning pruning = new RankPruning(adapter, pruned(adapter, sparsity));
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, stash));
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights());
                TensorScope scope = TensorScope.root()) {
            ScriptModule script = ScriptModule.load(
                    "__torch__.reference.soft_mask.SoftMask", List.of("__torch__/reference/soft_mask.py"));
            device.openTrainee(SLOT, adapter, ADAMW);
            device.learn(SLOT, LearningPlan.pruning(sparsity));
            TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2);
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            AutogradReference.Result masked = reference.run(pack, pruning.masked());
            assertThat(Math.abs(loss - masked.loss())).as("seed %d", seed).isLessThan(FLOAT32_RELATIVE * masked.loss());
            Adapter found = device.gradients(SLOT);
            adapter.factors().forEach((site, factors) -> {
                LowRank through = masked.gradient().factors().get(site);
                float[] numbers = {
                    (float) factors.scaling(), (float) pruning.thresholdSquared(), (float) LearningPlan.TEMPERATURE
                };
                float[] expected = throughMasks(script, scope, factors, through, numbers);
                LowRank own = found.factors().get(site);
                assertThat(error(expected, 0, own.a()))
                        .as("A of %s, seed %d", site, seed)
                        .isLessThan(FLOAT32_RELATIVE);
                assertThat(error(expected, own.a().length, own.b()))
                        .as("B of %s, seed %d", site, seed)
                        .isLessThan(FLOAT32_RELATIVE);
            });
        }
    }

    private static float[] throughMasks(
            ScriptModule script, TensorScope scope, LowRank factors, LowRank through, float[] numbers) {
        try (TensorScope call = scope.open()) {
            NDList inputs = new NDList(
                    tensor(call, factors.a(), factors.rank()),
                    tensor(call, factors.b(), factors.outputs()),
                    tensor(call, through.a(), factors.rank()),
                    tensor(call, through.b(), factors.outputs()),
                    call.tensor(numbers, numbers.length));
            try (NDList outputs = IValueUtils.forward(script.block(), inputs, true)) {
                return outputs.get(0).toFloatArray();
            }
        }
    }

    private static PtNDArray tensor(TensorScope call, float[] values, int rows) {
        return call.tensor(values, rows, values.length / rows);
    }

    private static double error(float[] right, int from, float[] found) {
        double difference = 0;
        double norm = 1e-12;
        for (int i = 0; i < found.length; i++) {
            difference += Math.pow(right[from + i] - found[i], 2);
            norm += Math.pow(right[from + i], 2);
        }
        return Math.sqrt(difference / norm);
    }

    @Test
    void masksFollowTheWeightsAndTrainingGoesOnBitForBit() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        Adapter initial = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, ADAMW);
            double[] whole = measure(device, SLOT, pack);
            step(device, pack, 0.3);
            step(device, pack, 0.5);
            Adapter kept = device.snapshot(SLOT);
            OptimizerState state = device.optimizerState(SLOT);
            double[] loss = measure(device, SLOT, pack);
            device.putAdapter(0, new RankPruning(kept, pruned(kept, 0.5)).masked());
            double[] masked = measure(device, 0, pack);
            for (int i = 0; i < masked.length; i++) {
                assertThat(Math.abs(loss[i] - masked[i])).as("seed %d", seed).isLessThan(1e-5 * masked[i]);
            }
            step(device, pack, 0.5);
            Adapter expected = device.snapshot(SLOT);
            device.openTrainee(SLOT, device.prepare(kept), ADAMW, state);
            step(device, pack, 0.5);
            assertThat(device.snapshot(SLOT)).usingRecursiveComparison().isEqualTo(expected);
            // Nothing but the slot has forgotten what was masked.
            device.openTrainee(SLOT, initial, ADAMW);
            device.learn(SLOT, LearningPlan.pruning(0.9));
            assertThat(measure(device, SLOT, pack)).isNotEqualTo(whole);
            device.learn(SLOT, LearningPlan.EVERYTHING);
            assertThat(measure(device, SLOT, pack)).containsExactly(whole);
        }
    }

    private static void step(TorchScriptDecoder device, TrainingPack pack, double sparsity) {
        device.learn(SLOT, LearningPlan.pruning(sparsity));
        Devices.trainInWindows(device, new int[] {SLOT}, pack, 13);
        assertThat(device.optimizerStep(SLOT, 1e-2, 0.1)).isFinite();
    }

    private static double[] measure(TorchScriptDecoder device, int slot, TrainingPack pack) {
        device.beginPack(new int[] {slot}, new TrainingPack(pack.sequences(), Purpose.MEASURE));
        return Devices.run(device, new TrainingWork(pack.rows(), 0), List.of())
                .scores()
                .losses();
    }

    /** An adapter without any B has nothing to be told apart by; its masks are finite all the same. */
    @ParameterizedTest
    @ValueSource(doubles = {0.1, 0.9})
    void anAdapterThatChangesNothingYetCanBeMasked(double sparsity) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter idle = TinyAdapters.filled(tiny.config(), 4, 0.5f, 0);
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, idle, ADAMW);
            step(device, pack, sparsity);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"IA3", "DORA", "PISSA", "PROMPT"})
    void otherFormsAreRefused(String form) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, Form.valueOf(form).random(tiny.config(), 1), ADAMW);
            assertThatThrownBy(() -> device.learn(SLOT, LearningPlan.pruning(0.5)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("not a product of low-rank factors");
        }
    }
}
