package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Forms whose sequences go backward in several lanes. */
class FormLanesTest {
    private static final int SLOT = 1;
    /** Of all gradients, against their norm. */
    private static final double RELATIVE = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());

    /** Each lane adds to gradients of its own. */
    @ParameterizedTest
    @EnumSource(Form.class)
    void twoLanesHaveTheGradientsOfOne(Form form) throws IOException {
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        TrainingPack plain = Devices.pack(random, tiny.config().vocab(), 35, 35, 35);
        TrainingPack pack = new TrainingPack(
                plain.sequences().stream()
                        .map(sequence -> sequence.after(adapter.virtualRows()))
                        .toList(),
                plain.purpose());
        float[] one = gradients(adapter, pack, 1);
        float[] two = gradients(adapter, pack, 2);
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < one.length; i++) {
            difference += Math.pow(one[i] - two[i], 2);
            norm += Math.pow(one[i], 2);
        }
        assertThat(norm).isPositive();
        assertThat(Math.sqrt(difference / norm)).isLessThan(RELATIVE);
    }

    private float[] gradients(Adapter adapter, TrainingPack pack, int lanes) throws IOException {
        KernelsConfig limits = Devices.limits(Dtype.FLOAT32, lanes, 128, Stash.KEEP);
        assertThat(limits.lanes()).isEqualTo(lanes);
        try (TorchScriptDecoder device = Devices.load(tiny, limits)) {
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            Devices.trainInWindows(device, new int[] {SLOT}, pack, 120);
            return new AdapterLayout(tiny.config()).flatten(device.gradients(SLOT));
        }
    }
}
