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
        return UntestedForms.line(new DeviceProfile(2, List.of(trials)), plainOnly);
    }

    private static Trial packed(Dtype dtype, String fault) {
        return new Trial(dtype, WeightForm.PACKED, Optional.of(fault));
    }

    @Test
    void formsThatDoNotWorkAreNamedWithTheReason() {
        assertThat(line(false, FLOAT32, packed(Dtype.BFLOAT16, "no avx512"), packed(Dtype.INT8, "no amx")))
                .isEqualTo("Not tested on this machine: bfloat16 (packed): no avx512; int8 (packed): no amx");
        assertThat(line(false, FLOAT32)).isEqualTo("This machine can test every weight type and form.");
    }

    @Test
    void formsLeftOutOnRequestAreNamedToo() {
        assertThat(line(true, FLOAT32, new Trial(Dtype.BFLOAT16, WeightForm.PACKED, Optional.empty())))
                .isEqualTo("Not tested on this machine: bfloat16 (packed): TANDEM_WEIGHT_FORM asks for plain weights");
    }
}
