package io.tandem.kernels.decoder;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.TinyModel;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/** Forms of frozen weights in tests: plain weights are always tested, others where the machine has them. */
final class Forms {
    private static final boolean PLAIN_ONLY = "plain".equals(System.getenv("TANDEM_WEIGHT_FORM"));

    /** Fewer rows than a test's longest chunks have, so that both kernels take part. */
    private static final int FEW = 8;

    private Forms() {}

    /** Where a test names no form: plain in float32, else the fastest that works here. */
    static WeightForm standard(Dtype dtype) {
        return PLAIN_ONLY || dtype == Dtype.FLOAT32 ? WeightForm.PLAIN : WeightForm.AUTO;
    }

    /** Each architecture in each form of bfloat16. */
    static Stream<Arguments> bfloat16() {
        return variants(variant -> Stream.of(WeightForm.PLAIN, WeightForm.PACKED)
                .map(form -> Arguments.of(variant, WeightForms.of(form))));
    }

    /** Each architecture in float16, alone and beside float32. */
    static Stream<Arguments> float16() {
        return variants(variant -> Stream.of(
                        WeightForms.of(WeightForm.FLOAT16), new WeightForms(WeightForm.FLOAT16, FEW, WeightForm.PLAIN))
                .map(forms -> Arguments.of(variant, forms)));
    }

    /**
     * Each architecture in each quantized form, for each type of activations; in float32 with and without the kernel for
     * few rows, which rounds to bfloat16.
     */
    static Stream<Arguments> quantized() {
        return variants(variant -> Stream.of(WeightForm.INT8, WeightForm.INT4)
                .flatMap(form -> Stream.of(
                        Arguments.of(variant, Dtype.FLOAT32, new WeightForms(form, 0, form)),
                        Arguments.of(variant, Dtype.FLOAT32, new WeightForms(form, FEW, form)),
                        Arguments.of(variant, Dtype.BFLOAT16, new WeightForms(form, FEW, form)))));
    }

    /** Whether all products keep the precision of float32. */
    static boolean isExact(Dtype dtype, WeightForms forms) {
        return dtype == Dtype.FLOAT32 && (!forms.many().isQuantized() || forms.rows() == 0);
    }

    private static Stream<Arguments> variants(Function<TinyModel.Variant, Stream<Arguments>> forms) {
        return Arrays.stream(TinyModel.Variant.values()).flatMap(forms);
    }

    /** Limits with weights in the forms; the test is skipped if they do not work on this machine. */
    static KernelsConfig limits(Dtype dtype, WeightForms forms, Stash stash) {
        for (WeightForm form : List.of(forms.few(), forms.many())) {
            assumeTrue(form == WeightForm.PLAIN || !PLAIN_ONLY, "left out: TANDEM_WEIGHT_FORM asks for plain weights");
            DeviceProfile.ofThisMachine().trials().stream()
                    .filter(trial -> trial.dtype() == dtype && trial.form() == form)
                    .forEach(trial -> assumeTrue(
                            trial.works(), () -> "left out: " + trial.name() + " does not work on this machine"));
        }
        return Devices.limits(dtype, 128, stash).withNumerics(dtype, forms);
    }
}
