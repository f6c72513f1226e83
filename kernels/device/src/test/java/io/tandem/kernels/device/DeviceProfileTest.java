package io.tandem.kernels.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.device.DeviceProfile.Choice;
import io.tandem.kernels.device.DeviceProfile.Trial;
import io.tandem.kernels.model.Dtype;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DeviceProfileTest {
    private static final Trial FLOAT32 = works(Dtype.FLOAT32, WeightForm.PLAIN);
    private static final Trial BFLOAT16_PACKED = works(Dtype.BFLOAT16, WeightForm.PACKED);
    private static final Trial BFLOAT16_PLAIN = works(Dtype.BFLOAT16, WeightForm.PLAIN);
    private static final Trial INT8_PACKED = works(Dtype.INT8, WeightForm.PACKED);
    private static final Trial INT8_PLAIN = works(Dtype.INT8, WeightForm.PLAIN);

    /** A machine on which all forms work but those given. */
    private static DeviceProfile without(Trial... broken) {
        List<Trial> trials = new ArrayList<>();
        for (Trial trial : List.of(FLOAT32, BFLOAT16_PACKED, BFLOAT16_PLAIN, INT8_PACKED, INT8_PLAIN)) {
            boolean works = !Arrays.asList(broken).contains(trial);
            trials.add(
                    works ? trial : new Trial(trial.dtype(), trial.form(), Optional.of("the processor has no avx512")));
        }
        return new DeviceProfile(6, trials);
    }

    private static Trial works(Dtype dtype, WeightForm form) {
        return new Trial(dtype, form, Optional.empty());
    }

    @Test
    void plainFormsWorkOnThisMachine() {
        assertThat(DeviceProfile.ofThisMachine().trials()).contains(FLOAT32, BFLOAT16_PLAIN, INT8_PLAIN);
    }

    @Test
    void bfloat16WherePackedProductsWorkElseFloat32() {
        Choice fast = without().choose(Dtype.AUTO, WeightForm.AUTO);
        assertThat(fast).hasToString("bfloat16, packed weights: the fastest that works on this machine");
        Choice plain = without(BFLOAT16_PACKED, INT8_PACKED).choose(Dtype.AUTO, WeightForm.AUTO);
        assertThat(plain)
                .hasToString("float32, plain weights: bfloat16 needs packed weights to be fast, and those do not work "
                        + "on this machine (the processor has no avx512)");
    }

    @Test
    void asManyThreadsAsCoresUnlessTheyAreGiven() {
        KernelsConfig open = new KernelsConfig(Dtype.AUTO, WeightForm.AUTO, 0, 8, 256, 256, 4, 8, 256, Stash.KEEP);
        assertThatThrownBy(open::lanes).hasMessage("kernels.threads has not been resolved for this machine");
        assertThat(without().resolve(open))
                .isEqualTo(open.withNumerics(Dtype.BFLOAT16, WeightForm.PACKED).withThreads(6));
        assertThat(without().resolve(open.withThreads(3)).threads()).isEqualTo(3);
    }

    @Test
    void plainWeightsCanBeForced() {
        assertThat(without().choose(Dtype.AUTO, WeightForm.PLAIN))
                .hasToString("float32, plain weights: plain weights are configured");
        assertThat(without().choose(Dtype.BFLOAT16, WeightForm.PLAIN))
                .hasToString("bfloat16, plain weights: as configured");
    }

    @Test
    void aTypeThatWorksOnlySlowlyIsUsedWithAWarning() {
        assertThat(without(INT8_PACKED).choose(Dtype.INT8, WeightForm.AUTO))
                .hasToString("int8, plain weights: as configured; slow beyond a few rows, because int8 (packed) does "
                        + "not work on this machine (the processor has no avx512), so consider kernels.dtype: auto");
    }

    @Test
    void whatCannotWorkIsRefusedInOneSentenceThatNamesWhatCan() {
        assertThatThrownBy(() -> without(BFLOAT16_PACKED, BFLOAT16_PLAIN).choose(Dtype.BFLOAT16, WeightForm.AUTO))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessage("kernels.dtype: bfloat16 does not work on this machine (the processor has no avx512); use "
                        + "auto or one of float32 (plain), int8 (packed), int8 (plain)");
        assertThatThrownBy(() -> without(BFLOAT16_PACKED).choose(Dtype.BFLOAT16, WeightForm.PACKED))
                .hasMessage("kernels.dtype: bfloat16 with kernels.weight-form: packed does not work on this machine "
                        + "(the processor has no avx512); use auto or one of float32 (plain), bfloat16 (plain), "
                        + "int8 (packed), int8 (plain)");
        assertThatThrownBy(() -> without(BFLOAT16_PACKED).choose(Dtype.AUTO, WeightForm.PACKED))
                .hasMessageStartingWith("kernels.weight-form: packed does not work on this machine");
        assertThatThrownBy(() -> without().choose(Dtype.FLOAT32, WeightForm.PACKED))
                .hasMessageStartingWith("kernels.dtype: float32 with kernels.weight-form: packed does not exist");
    }
}
