package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.List;

/**
 * Factors that are merged into a weight before it is quantized with step sizes that learn (L4Q, Jeon et al., 2024):
 *
 * <pre>{@code y = Q x + b,  Q = s round(clamp((W + c B A) / s))}</pre>
 *
 * It is not served as an adapter: what comes of it is Q, the weight of a base model of its own.
 *
 * @param factors A, B and c
 * @param bits of a code, which is from {@code -2^(bits-1)} to {@code 2^(bits-1) - 1}
 * @param groupSize neighbouring inputs that share a step size
 * @param steps s {@code [outputs, inputs / groupSize]}
 */
public record QuantizedFactors(LowRank factors, int bits, int groupSize, float[] steps) implements OwnWeight {
    public static final String A = "l4q_A";
    public static final String B = "l4q_B";
    public static final String STEPS = "l4q_steps";

    /** Step sizes below are taken for this; as on the device. */
    private static final float LEAST = 1e-8f;

    public QuantizedFactors {
        if (factors.inputs() % groupSize != 0 || steps.length != factors.outputs() * (factors.inputs() / groupSize)) {
            throw new IllegalArgumentException(steps.length + " step sizes for [" + factors.outputs() + ", "
                    + factors.inputs() + "] in groups of " + groupSize);
        }
    }

    /** The smallest step sizes with which no weight is clamped, and no change. {@code weight [outputs, inputs]} */
    public static QuantizedFactors start(LowRank factors, int bits, int groupSize, float[] weight) {
        int low = -(1 << (bits - 1));
        float[] steps = new float[weight.length / groupSize];
        for (int i = 0; i < weight.length; i++) {
            float needed = Math.max(weight[i] / low, weight[i] / (-1 - low));
            steps[i / groupSize] = Math.max(steps[i / groupSize], needed);
        }
        for (int i = 0; i < steps.length; i++) {
            steps[i] = Math.max(steps[i], LEAST);
        }
        return new QuantizedFactors(factors, bits, groupSize, steps);
    }

    /** Groups of an output. */
    public int groups() {
        return inputs() / groupSize;
    }

    /** The step size of a group of an output as it counts. */
    public float step(int output, int group) {
        return Math.max(steps[output * groups() + group], LEAST);
    }

    /**
     * The codes of Q. Each is computed in the order of the device's operations, each of which is rounded to float32, so it is the
     * same to the last bit.
     *
     * @param weight W {@code [outputs, inputs]}, as the device has it
     * @return {@code [outputs, inputs]}
     */
    public byte[] codes(float[] weight) {
        byte[] codes = new byte[weight.length];
        float scaling = (float) factors.scaling();
        float low = -(1 << (bits - 1));
        int rank = factors.rank();
        for (int output = 0; output < outputs(); output++) {
            for (int input = 0; input < inputs(); input++) {
                float sum = weight[output * inputs() + input];
                for (int k = 0; k < rank; k++) {
                    float b = factors.b()[output * rank + k] * scaling;
                    sum += b * factors.a()[k * inputs() + input];
                }
                float code = Math.min(Math.max(sum / step(output, input / groupSize), low), -1 - low);
                codes[output * inputs() + input] = (byte) Math.rint(code);
            }
        }
        return codes;
    }

    @Override
    public String form() {
        return "factors over quantized weights";
    }

    @Override
    public int inputs() {
        return factors.inputs();
    }

    @Override
    public int outputs() {
        return factors.outputs();
    }

    @Override
    public double scaling() {
        return factors.scaling();
    }

    @Override
    public List<Parameter> parameters() {
        return List.of(
                new Parameter(A, factors.rank(), inputs(), factors.a()),
                new Parameter(B, outputs(), factors.rank(), factors.b()),
                new Parameter(STEPS, outputs(), groups(), steps));
    }

    @Override
    public QuantizedFactors with(List<float[]> values) {
        return new QuantizedFactors(
                factors.with(List.of(values.get(0), values.get(1))), bits, groupSize, values.get(2));
    }

    @Override
    public void requireFinite(Dtype dtype) {
        factors.requireFinite(dtype);
        for (float step : steps) {
            if (!Float.isFinite(step)) {
                throw new IllegalArgumentException("has a step size that is not a finite number");
            }
        }
    }

    /** That of the factors' product, which quantization adds to. */
    @Override
    public double norm() {
        return factors.norm();
    }
}
