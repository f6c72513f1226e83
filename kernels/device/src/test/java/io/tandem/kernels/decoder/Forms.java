package io.tandem.kernels.decoder;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.TinyModel;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/** Forms of frozen weights in tests: plain weights are always tested, others where the machine has them. */
final class Forms {
    private static final List<WeightForm> ALL = List.of(WeightForm.PLAIN, WeightForm.PACKED);

    /** Where a test names no form: the fastest that works here, or plain if the environment asks for it. */
    static final WeightForm STANDARD =
            "plain".equals(System.getenv("TANDEM_WEIGHT_FORM")) ? WeightForm.PLAIN : WeightForm.AUTO;

    private Forms() {}

    /** Each architecture in each form. */
    static Stream<Arguments> ofVariants() {
        return Arrays.stream(TinyModel.Variant.values())
                .flatMap(variant -> ALL.stream().map(form -> Arguments.of(variant, form)));
    }

    /** Limits with weights in the form; the test is skipped if it does not work on this machine. */
    static KernelsConfig limits(Dtype dtype, WeightForm form, Stash stash) {
        if (form == WeightForm.PACKED) {
            assumeTrue(STANDARD != WeightForm.PLAIN, "left out: TANDEM_WEIGHT_FORM asks for plain weights");
            DeviceProfile.ofThisMachine().trials().stream()
                    .filter(trial -> trial.dtype() == dtype && trial.form() == form)
                    .forEach(trial -> assumeTrue(
                            trial.fault().isEmpty(),
                            () -> "left out: " + trial.name() + " does not work on this machine"));
        }
        return Devices.limits(dtype, 128, stash).withNumerics(dtype, form);
    }
}
