package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.TinyModel;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Products with weights in 8 and 4 bits, by both kernels each, against double precision. */
class QuantizedLinearTest {
    private static final List<String> KERNELS = List.of("8 bits", "8 bits, widened", "4 bits", "4 bits, widened");

    /** Adding up in float32. */
    private static final double SUM = 1e-5;

    /** Rounding to bfloat16. */
    private static final double UNIT = 1.0 / 256;

    private static TestScript script;

    @BeforeContainer
    static void load() {
        script = new TestScript(
                "__torch__.reference.linear.Quantized",
                "__torch__/tandem/ops/weight/weight.py",
                "__torch__/tandem/ops/weight/eight_bits.py",
                "__torch__/tandem/ops/weight/four_bits.py",
                "__torch__/tandem/ops/weight/widened.py",
                "__torch__/reference/linear.py");
    }

    @AfterContainer
    static void close() {
        script.close();
    }

    /** Whatever the shape. Scales and zeros are bfloat16 numbers; so are inputs, widened weights and results if narrow. */
    @Property(tries = 100)
    void productsAreOffByTheRoundingOfWeightsAlone(
            @ForAll @IntRange(min = 1, max = 40) int rows,
            @ForAll @IntRange(min = 1, max = 130) int inputs,
            @ForAll @IntRange(min = 1, max = 130) int outputs,
            @ForAll boolean narrow,
            @ForAll Random random) {
        int width = random.nextBoolean() ? (inputs + 31) / 32 * 32 : inputs;
        float[] x = normal(random, rows * width);
        float[] weight = normal(random, outputs * width);
        float[] bias = normal(random, random.nextBoolean() ? outputs : 0);
        float[] y = multiply(x, weight, bias, rows, width, outputs, narrow ? Dtype.BFLOAT16 : Dtype.FLOAT32);
        double[] ofEightBits = errors(weight, width, QuantizedLinearTest::ofEightBits);
        double[] ofFourBits = width % WeightForm.GROUP == 0
                ? errors(weight, WeightForm.GROUP, QuantizedLinearTest::ofFourBits)
                : ofEightBits;
        for (int kernel = 0; kernel < KERNELS.size(); kernel++) {
            double unit = narrow || kernel % 2 == 0 ? UNIT : 1e-7;
            double[] ofWeights = kernel >= 2 ? ofFourBits : ofEightBits;
            if (kernel != 1 && width % WeightForm.GROUP != 0) {
                continue;
            }
            for (int row = 0; row < rows; row++) {
                for (int output = 0; output < outputs; output++) {
                    double added = bias.length == 0 ? 0 : bias[output];
                    double product = 0;
                    double bound = 0;
                    for (int i = 0; i < width; i++) {
                        double size = Math.abs(x[row * width + i]);
                        product += x[row * width + i] * (double) weight[output * width + i];
                        bound += size * ofWeights[output * width + i];
                        bound += size * Math.abs(weight[output * width + i]) * (unit + SUM);
                    }
                    bound += 3 * unit * (Math.abs(product) + Math.abs(added) + bound);
                    assertThat(Math.abs(y[(kernel * rows + row) * outputs + output] - (product + added)))
                            .as("%s: row %d, output %d of %d inputs", KERNELS.get(kernel), row, output, width)
                            .isLessThanOrEqualTo(bound);
                }
            }
        }
    }

    /** By how much each weight may be off, which is the same for all of a group. */
    private static double[] errors(float[] weight, int group, ToDoubleFunction<float[]> error) {
        double[] errors = new double[weight.length];
        for (int at = 0; at < weight.length; at += group) {
            Arrays.fill(errors, at, at + group, error.applyAsDouble(row(weight, at, group)));
        }
        return errors;
    }

    private static double ofEightBits(float[] row) {
        double largest = 0;
        for (float value : row) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest / 127 * (0.5 + UNIT);
    }

    /** A code is at most half a step off; scale and zero are rounded, and the last code may lie beyond. */
    private static double ofFourBits(float[] group) {
        float[] sorted = group.clone();
        Arrays.sort(sorted);
        double least = sorted[0];
        double step = (sorted[sorted.length - 1] - least) / 15;
        double zero = Math.abs(least + 8 * step);
        return step * (0.5 + 16 * UNIT) + 2 * zero * UNIT;
    }

    private static float[] row(float[] weight, int from, int length) {
        return Arrays.copyOfRange(weight, from, from + length);
    }

    /** Each row of the identity fetches a row of weights, which lie on the grid of both forms. */
    @Property(tries = 50)
    void weightsOnTheGridSurvive(@ForAll @IntRange(min = 1, max = 40) int rows, @ForAll Random random) {
        int width = WeightForm.GROUP;
        float[] weight = onTheGrid(random, width);
        float[] x = new float[rows * width];
        int[] ones = random.ints(rows, 0, width).toArray();
        for (int row = 0; row < rows; row++) {
            x[row * width + ones[row]] = 1;
        }
        float[] y = multiply(x, weight, new float[0], rows, width, width, Dtype.BFLOAT16);
        for (int kernel = 0; kernel < KERNELS.size(); kernel++) {
            for (int row = 0; row < rows; row++) {
                for (int output = 0; output < width; output++) {
                    assertThat(y[(kernel * rows + row) * width + output])
                            .as(KERNELS.get(kernel))
                            .isEqualTo(weight[output * width + ones[row]]);
                }
            }
        }
    }

    @Property(tries = 20)
    void gradientsMeetTheSameWeights(@ForAll Random random) {
        int width = WeightForm.GROUP;
        float[] weight = onTheGrid(random, width);
        float[] dy = new float[2 * width];
        int one = random.nextInt(width);
        dy[one] = 1;
        float[] dx = script.floats("backward", call ->
                new IValue[] {call.value(call.tensor(dy, 2, width)), call.value(call.tensor(weight, width, width))});
        for (int form = 0; form < 2; form++) {
            float[] of = Arrays.copyOfRange(dx, 2 * form * width, 2 * (form + 1) * width);
            assertThat(Arrays.copyOf(of, width)).isEqualTo(row(weight, one * width, width));
            assertThat(row(of, width, width)).containsOnly(0);
        }
    }

    /** 16 values that lie 16 steps of 8 bits apart, from -127 steps on; each row has the least and the largest. */
    private static float[] onTheGrid(Random random, int width) {
        float[] weight = new float[width * width];
        for (int i = 0; i < weight.length; i++) {
            int code = i % width == 0 ? 0 : i % width == 1 ? 15 : random.nextInt(16);
            weight[i] = (16 * code - 127) * 0.0078125f;
        }
        return weight;
    }

    private static float[] multiply(
            float[] x, float[] weight, float[] bias, int rows, int inputs, int outputs, Dtype dtype) {
        return script.floats("multiply", call -> new IValue[] {
            call.value(call.tensor(x, rows, inputs)),
            call.value(call.tensor(weight, outputs, inputs)),
            call.value(call.tensor(bias, bias.length)),
            call.number(dtype.code())
        });
    }

    private static float[] normal(Random random, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = TinyModel.rounded(random.nextGaussian());
        }
        return numbers;
    }
}
