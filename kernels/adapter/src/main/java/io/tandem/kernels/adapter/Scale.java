package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.List;
import java.util.Optional;

/**
 * Factors on the channels of a linear, of its input or of its output: {@code y = W (f * x) + b}, or
 * {@code y = f * (W x + b)} ((IA)^3, Liu et al., 2022).
 *
 * @param inputs columns of W
 * @param outputs rows of W
 * @param side whose channels they are
 * @param factors one for each channel of that side; ones change nothing
 */
public record Scale(int inputs, int outputs, Side side, float[] factors) implements Change {
    /** PEFT's name of the factors. */
    public static final String L = "ia3_l";

    /** What a scale is applied to. */
    public enum Side {
        INPUT,
        OUTPUT
    }

    public Scale {
        int channels = side == Side.INPUT ? inputs : outputs;
        if (factors.length != channels) {
            throw new IllegalArgumentException(factors.length + " factors for " + channels + " channels");
        }
    }

    @Override
    public String form() {
        return "(IA)^3";
    }

    @Override
    public Optional<LowRank> lowRank() {
        return Optional.empty();
    }

    @Override
    public List<Parameter> parameters() {
        int rows = side == Side.INPUT ? 1 : outputs;
        return List.of(new Parameter(L, rows, factors.length / rows, factors));
    }

    @Override
    public Scale with(List<float[]> values) {
        return new Scale(inputs, outputs, side, values.get(0));
    }

    /** How far the factors are from one: what a device keeps of them, so that zero changes nothing. */
    public float[] differences() {
        float[] differences = new float[factors.length];
        for (int i = 0; i < factors.length; i++) {
            differences[i] = factors[i] - 1;
        }
        return differences;
    }

    /** Factors are float32 on any device. */
    @Override
    public void requireFinite(Dtype dtype) {
        for (float factor : factors) {
            if (!Float.isFinite(factor)) {
                throw new IllegalArgumentException("has a factor that is not a finite number");
            }
        }
    }

    @Override
    public double norm() {
        double squares = 0;
        for (float difference : differences()) {
            squares += (double) difference * difference;
        }
        return Math.sqrt(squares);
    }
}
