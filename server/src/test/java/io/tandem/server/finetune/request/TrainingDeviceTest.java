package io.tandem.server.finetune.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.Decomposition;
import io.tandem.kernels.adapter.method.DecompositionMethod;
import io.tandem.kernels.adapter.method.FullMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.scheduler.slo.LatencyReport;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TrainingDeviceTest {
    private static final ModelConfig FUSED =
            ModelConfig.llama(2, 32, 4, 2, 8, 44, 61).fused().build();

    private final TrainingDevice device = new TrainingDevice(
            FUSED,
            new KernelsConfig(Dtype.FLOAT32, WeightForm.PLAIN, 1, 1, 64, 64, 1, 8, 64, Stash.KEEP),
            Long.MAX_VALUE,
            () -> new LatencyReport(0, Map.of()));

    private static LoraConfig lora(Set<TargetModule> targets) {
        return new LoraConfig(4, 8, false, targets, "");
    }

    @Test
    void everyLinearMeansThoseThatTheModelHas() {
        LoraConfig every = lora(LoraConfig.everyLinear());
        assertThatCode(() -> device.requireShape(new LoraMethod(every))).doesNotThrowAnyException();
        assertThat(every.modules(FUSED))
                .containsExactly(
                        TargetModule.QKV_PROJ, TargetModule.O_PROJ, TargetModule.GATE_UP_PROJ, TargetModule.DOWN_PROJ);
    }

    @Test
    void aRankThatHasNoPlaceIsRefused() {
        LoraConfig eight = new LoraConfig(8, 8, false, LoraConfig.everyLinear(), "");
        LoraConfig nine = new LoraConfig(9, 8, false, LoraConfig.everyLinear(), "");
        assertThatCode(() -> device.requireShape(new LoraMethod(eight))).doesNotThrowAnyException();
        assertThatThrownBy(() -> device.requireShape(new LoraMethod(nine)))
                .hasMessage("'rank' is 9, kernels.max-rank is 8.");
        assertThatThrownBy(() -> device.requireShape(new DecompositionMethod(eight, Decomposition.PISSA)))
                .hasMessage("'rank' is 8, pissa takes at most 4 where kernels.max-rank is 8.");
    }

    @Test
    void modulesInFullNeedRoom() {
        FullMethod head =
                new FullMethod(new LoraMethod(lora(LoraConfig.everyLinear())), EnumSet.of(FullModule.LM_HEAD));
        assertThatThrownBy(() -> device.requireShape(head))
                .hasMessageStartingWith(
                        "'modules_to_save' names 1, and kernels.full-modules, how many adapters may have on"
                                + " this server together, is 0; each takes ");
        TrainingDevice roomy = new TrainingDevice(
                device.model(), device.limits().withFullModules(1), device.memoryBytes(), device.latency());
        assertThatCode(() -> roomy.requireShape(head)).doesNotThrowAnyException();
        long plain = roomy.memory(head.method(), OptimizerConfig.DEFAULT).total();
        // The copy that rows use, and in float32 itself, its gradients and two moments.
        long bytes = device.limits().dtype().bytes() + 4L * (1 + device.limits().lanes() + 2);
        assertThat(roomy.memory(head, OptimizerConfig.DEFAULT).total() - plain)
                .isEqualTo(bytes * FullModule.numbers(device.model()));
    }

    @Test
    void aLinearThatTheModelLacksIsRefusedByName() {
        assertThatThrownBy(() ->
                        device.requireShape(new LoraMethod(lora(Set.of(TargetModule.Q_PROJ, TargetModule.DOWN_PROJ)))))
                .hasMessage("'target_modules' names q_proj; the linears of this model are"
                        + " qkv_proj, o_proj, gate_up_proj, down_proj.");
        assertThatCode(() -> device.requireShape(new LoraMethod(lora(Set.of(TargetModule.QKV_PROJ)))))
                .doesNotThrowAnyException();
    }
}
