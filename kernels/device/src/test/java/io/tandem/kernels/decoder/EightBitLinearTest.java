package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.testing.TinyModel;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class EightBitLinearTest {
    /** Two roundings to bfloat16: of the product of codes, and of that times a scale. */
    private static final double ROUNDING = 2.0 / 256 * (1 + 1.0 / 256);

    /** Adding up in float32. */
    private static final double SUM = 1e-6;

    private static TestScript script;

    @BeforeContainer
    static void load() {
        script = new TestScript(
                "__torch__.reference.linear.EightBits",
                "__torch__/tandem/ops/linear.py",
                "__torch__/reference/linear.py");
    }

    @AfterContainer
    static void close() {
        script.close();
    }

    /** Few rows and many, and inputs that the operation for few rows takes or not, go different ways. */
    @Property(tries = 200)
    void productsAreOffByTheRoundingOfWeightsAlone(
            @ForAll @IntRange(min = 1, max = 40) int rows,
            @ForAll @IntRange(min = 1, max = 130) int inputs,
            @ForAll @IntRange(min = 1, max = 70) int outputs,
            @ForAll Random random) {
        int width = random.nextBoolean() ? (inputs + 31) / 32 * 32 : inputs;
        float[] x = normal(random, rows * width);
        float[] weight = normal(random, outputs * width);
        float[] bias = normal(random, random.nextBoolean() ? outputs : 0);
        float[] y = multiply(x, weight, bias, rows, width, outputs);
        for (int row = 0; row < rows; row++) {
            for (int output = 0; output < outputs; output++) {
                double added = bias.length == 0 ? 0 : bias[output];
                double largest = 0;
                double product = 0;
                double sizes = 0;
                double inputSizes = 0;
                for (int i = 0; i < width; i++) {
                    double w = weight[output * width + i];
                    largest = Math.max(largest, Math.abs(w));
                    product += x[row * width + i] * w;
                    sizes += Math.abs(x[row * width + i] * w);
                    inputSizes += Math.abs(x[row * width + i]);
                }
                double step = largest / 127 * (1 + ROUNDING);
                double ofWeights = inputSizes * step / 2;
                double ofProduct = ofWeights + ROUNDING * (Math.abs(product) + ofWeights) + SUM * sizes;
                double bound = ofProduct + (added == 0 ? 0 : (Math.abs(product + added) + ofProduct) / 256);
                assertThat(Math.abs(y[row * outputs + output] - (product + added)))
                        .as("row %d, output %d of %d inputs: %s", row, output, width, product)
                        .isLessThanOrEqualTo(bound);
            }
        }
    }

    /** Codes are whole multiples of a scale that is a bfloat16, so such weights survive. */
    @Property(tries = 50)
    void weightsOnTheGridSurvive(@ForAll @IntRange(min = 1, max = 40) int rows, @ForAll Random random) {
        int width = 32;
        float[] weight = onTheGrid(random, width);
        float[] x = new float[rows * width];
        int[] ones = random.ints(rows, 0, width).toArray();
        for (int row = 0; row < rows; row++) {
            x[row * width + ones[row]] = 1;
        }
        float[] y = multiply(x, weight, new float[0], rows, width, width);
        for (int row = 0; row < rows; row++) {
            for (int output = 0; output < width; output++) {
                assertThat(y[row * width + output]).isEqualTo(weight[output * width + ones[row]]);
            }
        }
    }

    /** A gradient goes back through the transposed copy, made beforehand. */
    @Property(tries = 20)
    void gradientsMeetTheTransposedWeights(@ForAll Random random) {
        int width = 32;
        float[] weight = onTheGrid(random, width);
        float[] dy = new float[2 * width];
        int one = random.nextInt(width);
        dy[one] = 1;
        float[] dx = script.floats("backward", call ->
                new IValue[] {call.value(call.tensor(dy, 2, width)), call.value(call.tensor(weight, width, width))});
        assertThat(Arrays.copyOf(dx, width)).isEqualTo(Arrays.copyOfRange(weight, one * width, (one + 1) * width));
        assertThat(Arrays.copyOfRange(dx, width, 2 * width)).containsOnly(0);
    }

    private static float[] onTheGrid(Random random, int width) {
        float[] weight = new float[width * width];
        for (int i = 0; i < width; i++) {
            weight[i * width + i] = 127 * 0.0078125f;
            weight[i * width + (i + 1) % width] = (random.nextInt(255) - 127) * 0.0078125f;
        }
        return weight;
    }

    private static float[] multiply(float[] x, float[] weight, float[] bias, int rows, int inputs, int outputs) {
        return script.floats("multiply", call -> new IValue[] {
            call.value(call.tensor(x, rows, inputs)),
            call.value(call.tensor(weight, outputs, inputs)),
            call.value(call.tensor(bias, bias.length))
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
