package io.tandem.kernels.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.WeightForm;
import io.tandem.kernels.device.DeviceProfile.Trial;
import io.tandem.kernels.model.Dtype;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class UntestedFormsTest {
    private static final Trial FLOAT32 = new Trial(Dtype.FLOAT32, WeightForm.PLAIN, Optional.empty());

    private static String line(boolean plainOnly, Trial... trials) {
        return UntestedForms.line(
                new DeviceProfile(
                        2, 0, List.of(trials), DeviceProfile.ofThisMachine().speeds(), dtype -> false),
                plainOnly);
    }

    private static Trial unusable(Dtype dtype, WeightForm form, String fault) {
        return new Trial(dtype, form, Optional.of(fault));
    }

    @Test
    void formsThatDoNotWorkAreNamedWithTheReason() {
        assertThat(line(
                        false,
                        FLOAT32,
                        unusable(Dtype.BFLOAT16, WeightForm.PACKED, "no avx512"),
                        unusable(Dtype.FLOAT32, WeightForm.FLOAT16, "no fbgemm")))
                .isEqualTo("Not tested on this machine: packed (bfloat16): no avx512; float16 (float32): no fbgemm");
        assertThat(line(false, FLOAT32)).isEqualTo("This machine can test every weight type and form.");
    }

    @Test
    void formsLeftOutOnRequestAreNamedToo() {
        assertThat(line(true, FLOAT32, new Trial(Dtype.BFLOAT16, WeightForm.PACKED, Optional.empty())))
                .isEqualTo("Not tested on this machine: packed (bfloat16): TANDEM_WEIGHT_FORM asks for plain weights");
    }
}
