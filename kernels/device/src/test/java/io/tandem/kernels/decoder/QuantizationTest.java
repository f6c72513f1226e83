package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.testing.Tolerances;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class QuantizationTest {
    /** Of numbers from a normal distribution, in units of their block's largest; 0.0028 is expected. */
    private static final double SIGNED_MEAN_ERROR = 0.0033;

    /** Of squares of such numbers; 0.00075 is expected. */
    private static final double UNSIGNED_MEAN_ERROR = 0.0009;

    private static TestScript script;

    @BeforeContainer
    static void load() {
        script = new TestScript(
                "__torch__.reference.quantization.Quantization",
                "__torch__/tandem/optim/quantize.py",
                "__torch__/reference/quantization.py");
    }

    @AfterContainer
    static void close() {
        script.close();
    }

    private static float[] values(boolean signed) {
        return script.floats("values", call -> new IValue[] {call.flag(signed)});
    }

    private static float[] round(float[] x, boolean signed) {
        return script.floats("round", call -> new IValue[] {call.value(call.tensor(x, x.length)), call.flag(signed)});
    }

    @Example
    void theMapsAreThePublishedOnes() {
        for (boolean signed : new boolean[] {true, false}) {
            Tolerances.EXACT.check("map", Devices.narrow(BlockQuantization.map(signed)), values(signed));
        }
        assertThat(values(true)).hasSize(256).doesNotContain(-1).endsWith(0.99296875f, 1);
        assertThat(values(true)[0]).isEqualTo(-0.99296875f);
        assertThat(Arrays.copyOfRange(values(true), 126, 129)).containsExactly(-5.5e-7f, 0, 5.5e-7f);
        assertThat(values(false)).hasSize(256).startsWith(0, 3.25e-7f, 7.75e-7f).endsWith(0.996484375f, 1);
    }

    @Example
    void valuesOfTheMapSurvive() {
        float[] unsigned = values(false);
        assertThat(round(unsigned, false)).containsExactly(unsigned);
        float[] signed = values(true);
        assertThat(round(signed, true)).containsExactly(signed);
    }

    @Example
    void quotientsBesideAMiddleGoToTheirSide() {
        for (boolean signed : new boolean[] {true, false}) {
            float[] map = values(signed);
            float[] x = new float[255 * 256];
            for (int i = 0; i < 255; i++) {
                float middle = (map[i] + map[i + 1]) / 2;
                x[256 * i] = 1;
                x[256 * i + 1] = Math.nextDown(middle);
                x[256 * i + 2] = Math.nextUp(middle);
            }
            float[] rounded = round(x, signed);
            for (int i = 0; i < 255; i++) {
                boolean wouldBecomeZero = map[i] < 0 && map[i + 1] == 0;
                assertThat(rounded[256 * i + 1]).isEqualTo(map[i]);
                assertThat(rounded[256 * i + 2]).isEqualTo(wouldBecomeZero ? map[i] : map[i + 1]);
            }
        }
    }

    @Example
    void zerosStayZeros() {
        assertThat(round(new float[257], true)).hasSize(257).containsOnly(0);
        assertThat(round(new float[257], false)).hasSize(257).containsOnly(0);
    }

    @Example
    void whatDividesToMinusZeroBecomesZero() {
        float[] rounded = round(new float[] {1e38f, -0.0f, -Float.MIN_VALUE, Float.MIN_VALUE}, true);
        assertThat(rounded).containsExactly(1e38f, 0, 0, 0);
    }

    @Property(tries = 300)
    void theErrorIsHalfAStepAtMost(@ForAll @Size(min = 1, max = 600) float[] any, @ForAll boolean signed) {
        float[] x = signed ? any : absolute(any);
        float[] rounded = round(x, signed);
        assertThat(rounded).hasSameSizeAs(x);
        double[] map = BlockQuantization.map(signed);
        for (int i = 0; i < x.length; i++) {
            double absmax = absmax(x, i);
            // Divisions and products are rounded to float32, which has a smallest number too.
            double slack = 2 * Math.ulp((float) absmax) + Float.MIN_VALUE;
            assertThat(Math.abs((double) rounded[i] - x[i]))
                    .as("%s of a block up to %s becomes %s", x[i], absmax, rounded[i])
                    .isLessThanOrEqualTo(absmax * allowed(map, absmax == 0 ? 0 : x[i] / absmax) + slack);
            assertThat(x[i] * (double) rounded[i] >= 0).as("the sign survives").isTrue();
        }
    }

    /** Half the distance of the map's neighbours, all of it between zero and what is negative. */
    private static double allowed(double[] map, double quotient) {
        int found = Arrays.binarySearch(map, quotient);
        int above = found >= 0 ? found : -found - 1;
        if (above == 0) {
            return map[0] - quotient;
        }
        double step = map[above] - map[above - 1];
        return quotient < 0 && map[above] == 0 ? step : step / 2;
    }

    @Example
    void theMeanErrorIsSmall(@ForAll Random random) {
        for (boolean signed : new boolean[] {true, false}) {
            float[] x = new float[100 * 256 + 17];
            for (int i = 0; i < x.length; i++) {
                double normal = random.nextGaussian();
                x[i] = (float) (signed ? normal : normal * normal);
            }
            float[] rounded = round(x, signed);
            double sum = 0;
            for (int i = 0; i < x.length; i++) {
                sum += Math.abs(rounded[i] - x[i]) / absmax(x, i);
            }
            assertThat(sum / x.length).isLessThan(signed ? SIGNED_MEAN_ERROR : UNSIGNED_MEAN_ERROR);
        }
    }

    private static double absmax(float[] x, int i) {
        int start = i / 256 * 256;
        double most = 0;
        for (int j = start; j < Math.min(x.length, start + 256); j++) {
            most = Math.max(most, Math.abs(x[j]));
        }
        return most;
    }

    private static float[] absolute(float[] x) {
        float[] absolute = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            absolute[i] = Math.abs(x[i]);
        }
        return absolute;
    }
}
