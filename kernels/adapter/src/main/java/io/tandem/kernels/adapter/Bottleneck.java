package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.List;
import java.util.Optional;

/**
 * A narrow MLP on what attention or the MLP of a layer add to the residual stream: {@code y + s (U f(D h + d) + u)}, where h
 * is y itself (Houlsby et al., 2019), or with the stream added (Pfeiffer et al., 2020), or the stream that comes into the
 * block (in parallel, He et al., 2022).
 *
 * @param width rows of D, 1 or more
 * @param channels of the residual stream
 * @param kind what is the same in all blocks of an adapter
 * @param down D, {@code [width, channels]}
 * @param downBias d, {@code [width]}
 * @param upBias u, {@code [channels]}
 * @param up U, {@code [channels, width]}
 */
public record Bottleneck(int width, int channels, Kind kind, float[] down, float[] downBias, float[] upBias, float[] up)
        implements Change {
    /** Names of the parameters in files of the library {@code adapters}. */
    public static final String DOWN = "adapter_down.0.weight";

    public static final String DOWN_BIAS = "adapter_down.0.bias";
    public static final String UP = "adapter_up.weight";
    public static final String UP_BIAS = "adapter_up.bias";

    /** What it reads; the code is that of {@code adapter/bottleneck.py}. */
    public enum Input {
        /** The block's output. */
        OUTPUT(0),
        /** The residual stream before the block, not normed. */
        STREAM(1),
        /** The sum of both. */
        SUM(2);

        private final int code;

        Input(int code) {
            this.code = code;
        }

        public int code() {
            return code;
        }
    }

    /** f; the code is that of {@code adapter/bottleneck.py}. */
    public enum Function {
        RELU(0),
        SILU(1),
        GELU(2),
        /** GELU by its approximation with tanh. */
        GELU_TANH(3);

        private final int code;

        Function(int code) {
            this.code = code;
        }

        public int code() {
            return code;
        }
    }

    /**
     * What is the same in all blocks of an adapter.
     *
     * @param scaling s
     */
    public record Kind(Input input, Function function, double scaling) {}

    public Bottleneck {
        boolean fits = down.length == width * channels && up.length == down.length;
        if (width < 1 || !fits || downBias.length != width || upBias.length != channels) {
            throw new IllegalArgumentException("a bottleneck of " + down.length + ", " + downBias.length + ", "
                    + up.length + " and " + upBias.length + " numbers, expected those of [" + width + ", " + channels
                    + "] and [" + channels + ", " + width + "]");
        }
    }

    /** U and u with the scaling inside, as the device keeps them: {@code [1 + width, channels]}, u first. */
    public float[] scaledUp() {
        float[] scaled = new float[(1 + width) * channels];
        for (int channel = 0; channel < channels; channel++) {
            scaled[channel] = (float) (kind.scaling() * upBias[channel]);
            for (int i = 0; i < width; i++) {
                scaled[(1 + i) * channels + channel] = (float) (kind.scaling() * up[channel * width + i]);
            }
        }
        return scaled;
    }

    @Override
    public String form() {
        return "a bottleneck";
    }

    @Override
    public int inputs() {
        return channels;
    }

    @Override
    public int outputs() {
        return channels;
    }

    @Override
    public Optional<LowRank> lowRank() {
        return Optional.empty();
    }

    /** A device has U transposed, so that it and its bias are one matrix. */
    @Override
    public List<Parameter> parameters() {
        return List.of(
                new Parameter(DOWN, width, channels, down),
                new Parameter(DOWN_BIAS, width, 1, downBias),
                new Parameter(UP_BIAS, channels, 1, upBias),
                new Parameter(UP, channels, width, up));
    }

    @Override
    public Bottleneck with(List<float[]> values) {
        return new Bottleneck(width, channels, kind, values.get(0), values.get(1), values.get(2), values.get(3));
    }

    @Override
    public void requireFinite(Dtype dtype) {
        for (float[] numbers : List.of(down, downBias, scaledUp())) {
            for (float number : numbers) {
                if (!dtype.holds(number)) {
                    throw new IllegalArgumentException("has a weight that is not a finite number with kernels.dtype "
                            + dtype.label() + "; those of " + UP + " count times the scaling of " + kind.scaling());
                }
            }
        }
    }

    /** That of the scaled U and u as one matrix; what comes before them is not linear. */
    @Override
    public double norm() {
        double squares = 0;
        for (float number : scaledUp()) {
            squares += (double) number * number;
        }
        return Math.sqrt(squares);
    }
}
