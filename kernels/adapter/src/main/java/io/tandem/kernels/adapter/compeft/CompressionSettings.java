package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.Adapter;
import java.util.function.ToDoubleFunction;

/**
 * What is kept of an adapter, and how.
 *
 * @param density share of the factors' numbers that are kept, at most
 * @param sweeps passes that improve the choice of entries after the largest were taken; 0 is the paper's choice. One
 *     takes {@code 5 (inputs + outputs) rank^2} multiplications a module
 * @param scale where the numbers' size comes from
 */
public record CompressionSettings(double density, int sweeps, Scale scale) {
    private static final int DEFAULT_SWEEPS = 20;

    /** Where the scalar of a module comes from. */
    public sealed interface Scale {
        /** The scalar with which each module's product is closest. */
        record LeastSquares() implements Scale {}

        /** The paper's alpha: the scalar in units of the factors' standard deviation. */
        record Fixed(double alpha) implements Scale {
            public Fixed {
                if (!(alpha > 0 && alpha <= 1e6)) {
                    throw new IllegalArgumentException("alpha is " + alpha + ", expected more than 0, at most 1e6");
                }
            }
        }

        /**
         * What scores best of least squares and the paper's grid of alphas.
         *
         * @param score of a decoded adapter on validation data; larger is better
         */
        record Validated(ToDoubleFunction<Adapter> score) implements Scale {}
    }

    public CompressionSettings {
        if (!(density > 0 && density <= 1)) {
            throw new IllegalArgumentException("the density is " + density + ", expected more than 0, at most 1");
        }
        if (sweeps < 0 || sweeps > 1000) {
            throw new IllegalArgumentException(sweeps + " sweeps, expected 0 to 1000");
        }
    }

    /** Twenty sweeps and least squares. */
    public static CompressionSettings of(double density) {
        return new CompressionSettings(density, DEFAULT_SWEEPS, new Scale.LeastSquares());
    }

    /** The same with another scale. */
    public CompressionSettings withScale(Scale other) {
        return new CompressionSettings(density, sweeps, other);
    }
}
