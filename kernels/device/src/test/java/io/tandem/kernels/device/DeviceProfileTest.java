package io.tandem.kernels.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.device.DeviceProfile.Choice;
import io.tandem.kernels.device.DeviceProfile.Trial;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DeviceProfileTest {
    private static final double PLENTY = 100;
    private static final String NO_AVX512 = "the processor has no avx512";

    /** Two cores with AVX2, microseconds at 1, 8, 32, 128 and 512 rows. */
    private static final Map<String, WeightSpeed> AVX2 = Map.of(
            "plain (float32)", speed(715, 1037, 1598, 5407, 14728),
            "float16 (float32)", speed(326, 548, 1513, 5275, 20848),
            "plain (bfloat16)", speed(295, 2066, 7234, 25033, 115350),
            "int8 (float32)", new WeightSpeed(times(251, 540, 2076, 7694, 28999), times(1500, 1800, 2300, 6100, 15500)),
            "int4 (float32)",
                    new WeightSpeed(times(150, 708, 2203, 6897, 35376), times(2500, 2800, 3300, 7100, 16500)));

    /** One with AMX. */
    private static final Map<String, WeightSpeed> AMX = Map.of(
            "plain (float32)", speed(700, 900, 1200, 3000, 9000),
            "float16 (float32)", speed(350, 450, 900, 3200, 12000),
            "packed (bfloat16)", speed(300, 310, 330, 700, 2000),
            "plain (bfloat16)", speed(310, 320, 400, 900, 2600),
            "int8 (bfloat16)", new WeightSpeed(times(150, 250, 800, 3000, 12000), times(500, 510, 540, 950, 2500)));

    private static WeightSpeed speed(double... microseconds) {
        return new WeightSpeed(times(microseconds), times(microseconds));
    }

    private static List<Double> times(double... microseconds) {
        List<Double> times = new ArrayList<>();
        for (double time : microseconds) {
            times.add(time);
        }
        return times;
    }

    /** A machine on which the forms work that have times. */
    private static DeviceProfile machine(Map<String, WeightSpeed> speeds) {
        List<Trial> trials = new ArrayList<>();
        for (Dtype dtype : List.of(Dtype.BFLOAT16, Dtype.FLOAT32)) {
            for (WeightForm form : WeightForm.values()) {
                if (form.exists(dtype)) {
                    Trial trial = new Trial(dtype, form, Optional.empty());
                    boolean works = speeds.containsKey(trial.name());
                    trials.add(works ? trial : new Trial(dtype, form, Optional.of(NO_AVX512)));
                }
            }
        }
        return new DeviceProfile(
                6, 8L << 30, trials, trial -> speeds.get(trial.name()), dtype -> dtype == Dtype.BFLOAT16);
    }

    @Test
    void plainFormsWorkOnThisMachine() {
        DeviceProfile profile = DeviceProfile.ofThisMachine();
        assertThat(profile.trials().stream().filter(Trial::works).map(Trial::name))
                .contains("plain (float32)", "plain (bfloat16)");
        WeightSpeed speed = profile.speeds().apply(new Trial(Dtype.FLOAT32, WeightForm.PLAIN, Optional.empty()));
        assertThat(speed.best())
                .hasSize(WeightSpeed.rows().size())
                .allSatisfy(time -> assertThat(time).isPositive());
    }

    @Test
    void theFastestFormsForTheRowsOfThisMachine() {
        assertThat(machine(AMX).choose(Dtype.AUTO, WeightForm.AUTO, PLENTY))
                .hasToString("bfloat16, packed weights: the fastest on this machine");
        assertThat(machine(AVX2).choose(Dtype.AUTO, WeightForm.AUTO, PLENTY))
                .hasToString(
                        "float32, float16 weights up to 128 rows, plain beyond: the fastest on this machine, where "
                                + "packed products in bfloat16 do not work (the processor has no avx512)");
    }

    @Test
    void oneFormWhereTwoWouldNotFit() {
        Choice choice = machine(AVX2).choose(Dtype.AUTO, WeightForm.AUTO, 5);
        assertThat(choice.weights()).isEqualTo(WeightForms.of(WeightForm.FLOAT16));
    }

    @Test
    void aSecondFormMustPay() {
        Map<String, WeightSpeed> flat = Map.of(
                "plain (float32)", speed(700, 1000, 1600, 5000, 20000),
                "float16 (float32)", speed(350, 500, 1400, 5000, 20500));
        assertThat(machine(flat).choose(Dtype.AUTO, WeightForm.AUTO, PLENTY).weights())
                .isEqualTo(WeightForms.of(WeightForm.FLOAT16));
        Map<String, WeightSpeed> slow = Map.of(
                "plain (float32)", speed(700, 1000, 1600, 5000, 20000),
                "float16 (float32)", speed(690, 2000, 6000, 20000, 90000));
        assertThat(machine(slow).choose(Dtype.FLOAT32, WeightForm.AUTO, PLENTY))
                .hasToString("float32, plain weights: the fastest for the configured type");
    }

    /** The switch between the codes and the widened weights lies where the two take equally long. */
    @Test
    void quantizedWeightsInTheTypeThatIsFastest() {
        assertThat(machine(AVX2).choose(Dtype.AUTO, WeightForm.INT8, 1))
                .hasToString("float32, int8 weights, widened beyond 32 rows: as configured");
        assertThat(machine(AMX).choose(Dtype.AUTO, WeightForm.INT8, 1))
                .hasToString("bfloat16, int8 weights, widened beyond 16 rows: as configured");
    }

    @Test
    void rowsThatCostNoMoreThanOne() {
        assertThat(machine(AMX).memoryBoundRows(Dtype.BFLOAT16, WeightForms.of(WeightForm.PACKED)))
                .isEqualTo(32);
        assertThat(machine(AVX2).memoryBoundRows(Dtype.FLOAT32, WeightForms.of(WeightForm.FLOAT16)))
                .isEqualTo(4);
        assertThat(machine(AVX2).memoryBoundRows(Dtype.FLOAT32, WeightForms.of(WeightForm.PLAIN)))
                .isEqualTo(8);
    }

    @Test
    void keyHeadsAreJoinedWhereThatIsFaster() {
        assertThat(machine(AMX).joinedHeads(Dtype.BFLOAT16, withHeads(3, 64))).isEqualTo(3);
        assertThat(machine(AMX).joinedHeads(Dtype.BFLOAT16, withHeads(5, 64))).isEqualTo(1);
        assertThat(machine(AMX).joinedHeads(Dtype.BFLOAT16, withHeads(8, 64))).isEqualTo(4);
        assertThat(machine(AMX).joinedHeads(Dtype.BFLOAT16, withHeads(2, 256))).isEqualTo(1);
        assertThat(machine(AMX).joinedHeads(Dtype.FLOAT32, withHeads(3, 64))).isEqualTo(1);
        DeviceProfile here = DeviceProfile.ofThisMachine();
        assertThat(here.joinedHeads(Dtype.BFLOAT16, withHeads(3, 64))).isIn(1, 3);
    }

    private static ModelConfig withHeads(int kvHeads, int headDim) {
        return ModelConfig.llama(1, kvHeads * headDim, kvHeads, kvHeads, headDim, 64, 64)
                .build();
    }

    @Test
    void whereOneKernelOvertakesAnother() {
        List<Double> flat = Collections.nCopies(5, 100.0);
        assertThat(WeightSpeed.rowsUpToWhich(times(101, 1, 1, 1, 1), flat)).isZero();
        assertThat(WeightSpeed.rowsUpToWhich(times(50, 101, 200, 200, 200), flat))
                .isEqualTo(4);
        assertThat(WeightSpeed.rowsUpToWhich(times(50, 50, 50, 99, 101), flat)).isEqualTo(256);
        assertThat(WeightSpeed.rowsUpToWhich(flat, flat)).isEqualTo(512);
    }

    @Test
    void asManyThreadsAsCoresUnlessTheyAreGiven() {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        KernelsConfig open = new KernelsConfig(Dtype.AUTO, WeightForm.AUTO, 0, 8, 256, 256, 4, 8, 256, Stash.KEEP);
        assertThatThrownBy(open::lanes).hasMessage("kernels.threads has not been resolved for this machine");
        KernelsConfig resolved = machine(AMX).resolve(open, tiny.config());
        assertThat(resolved)
                .isEqualTo(open.withNumerics(Dtype.BFLOAT16, WeightForms.of(WeightForm.PACKED))
                        .withThreads(6));
        assertThat(machine(AMX).resolve(open.withThreads(3), tiny.config()).threads())
                .isEqualTo(3);
        assertThat(machine(AMX).resolve(resolved, tiny.config())).isEqualTo(resolved);
    }

    @Test
    void aFormCanBeForced() {
        assertThat(machine(AMX).choose(Dtype.AUTO, WeightForm.FLOAT16, 1))
                .hasToString("float32, float16 weights: as configured");
        assertThat(machine(AMX).choose(Dtype.BFLOAT16, WeightForm.PLAIN, 1))
                .hasToString("bfloat16, plain weights: as configured");
    }

    @Test
    void whatCannotWorkIsRefusedInOneSentenceThatNamesWhatCan() {
        String others = "does not work on this machine (the processor has no avx512); use auto or one of plain "
                + "(bfloat16), plain (float32), float16 (float32), int8 (float32), int4 (float32)";
        assertThatThrownBy(() -> machine(AVX2).choose(Dtype.BFLOAT16, WeightForm.INT8, 1))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessage("kernels.dtype: bfloat16 with kernels.weight-form: int8 " + others);
        assertThatThrownBy(() -> machine(AVX2).choose(Dtype.AUTO, WeightForm.PACKED, 1))
                .hasMessage("kernels.weight-form: packed " + others);
        assertThatThrownBy(() -> machine(AMX).choose(Dtype.FLOAT32, WeightForm.PACKED, 1))
                .hasMessageStartingWith("kernels.dtype: float32 with kernels.weight-form: packed does not exist");
        KernelsConfig fixed =
                new KernelsConfig(Dtype.FLOAT32, WeightForm.FLOAT16, 1, 8, 256, 256, 4, 8, 256, Stash.KEEP);
        assertThatThrownBy(() -> machine(Map.of("plain (float32)", speed(1, 1, 1, 1, 1)))
                        .choose(fixed, TinyModel.of(TinyModel.Variant.LLAMA, 1).config()))
                .hasMessageStartingWith("kernels.dtype: float32 with kernels.weight-form: float16 does not work");
    }
}
