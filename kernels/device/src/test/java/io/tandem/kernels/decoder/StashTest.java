package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.MemoryPlan.Owner;
import io.tandem.kernels.MemoryPlan.Part;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.FloraMethod;
import io.tandem.kernels.adapter.method.GrowthSettings;
import io.tandem.kernels.adapter.method.IncreloraMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.SvfitMethod;
import io.tandem.kernels.adapter.method.TriadaptloraMethod;
import io.tandem.kernels.adapter.method.TriadaptloraMethod.Threshold;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class StashTest {
    private static final int SLOT = 1;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.QWEN3, random.nextLong());
    private final Adapter adapter = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, random.nextLong());

    @Test
    void recomputingChangesNothingButRoundingAndEightBitsLittle() throws IOException {
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 17);
        long windows = random.nextLong();
        Map<Stash, float[]> gradients = new EnumMap<>(Stash.class);
        for (Stash stash : Stash.values()) {
            try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32, stash)) {
                device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
                Devices.train(device, new int[] {SLOT}, pack, new Random(windows), List.of());
                gradients.put(stash, values(device.gradients(SLOT)));
            }
        }
        float[] kept = gradients.get(Stash.KEEP);
        Tolerances.FLOAT32_GRADIENT.check("recomputed", kept, gradients.get(Stash.RECOMPUTE));
        assertThat(RelativeError.of(kept, gradients.get(Stash.INT8))).isBetween(1e-6, GradientParityTest.INT8_RELATIVE);
    }

    /** Everything but what lives for a moment, and the weights' transposed copies. */
    @ParameterizedTest
    @EnumSource
    void trainingOccupiesWhatThePlanSays(Stash stash) throws IOException {
        for (Dtype dtype : List.of(Dtype.FLOAT32, Dtype.BFLOAT16)) {
            try (TorchScriptDecoder device = Devices.load(tiny, dtype, stash)) {
                for (Method method : Method.values()) {
                    OptimizerConfig optimizer = OptimizerConfig.of(method);
                    device.openTrainee(SLOT, adapter, optimizer);
                    MemoryPlan plan = MemoryPlan.training(
                            tiny.config(), device.limits(), new LoraMethod(adapter.lora()), optimizer);
                    assertThat(device.trainingBytes(SLOT))
                            .isEqualTo(plan.total(Owner.TRAINING) - plan.bytes(Part.LOGITS) - plan.bytes(Part.WINDOW));
                    assertThat(device.memory().trainingBytes()).isEqualTo(plan.total(Owner.TRAINING));
                }
            }
        }
    }

    /** With room for ranks to come, and with singular vectors that do not learn. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void methodsOccupyWhatThePlanSays(Dtype dtype) throws IOException {
        LoraConfig config = adapter.lora();
        GrowthSettings settings = GrowthSettings.DEFAULT;
        OptimizerConfig optimizer = OptimizerConfig.DEFAULT;
        try (TorchScriptDecoder device = Devices.load(tiny, dtype, Stash.KEEP)) {
            for (PeftMethod method : List.of(
                    new FloraMethod(config),
                    new IncreloraMethod(config, settings, OptionalInt.empty()),
                    new TriadaptloraMethod(config, settings, Threshold.LINEAR),
                    new SvfitMethod(config))) {
                device.openTrainee(SLOT, method.start(tiny.config(), 1), optimizer);
                MemoryPlan plan = MemoryPlan.training(tiny.config(), device.limits(), method, optimizer);
                assertThat(device.trainingBytes(SLOT))
                        .as(method.name())
                        .isEqualTo(plan.total(Owner.TRAINING) - plan.bytes(Part.LOGITS) - plan.bytes(Part.WINDOW));
                assertThat(device.memory().trainingBytes()).isEqualTo(plan.total(Owner.TRAINING));
            }
        }
    }

    private static float[] values(Adapter adapter) {
        int length = adapter.factors().values().stream()
                .mapToInt(module -> module.a().length + module.b().length)
                .sum();
        FloatBuffer all = FloatBuffer.allocate(length);
        adapter.factors().values().forEach(module -> all.put(module.a()).put(module.b()));
        return all.array();
    }
}
