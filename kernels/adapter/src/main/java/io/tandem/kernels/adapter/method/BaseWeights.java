package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.weights.TensorSource;

/** The frozen weights of a model's linears. */
@FunctionalInterface
public interface BaseWeights {
    /**
     * {@code [outputs, inputs]}, row by row; read anew each time.
     *
     * @throws io.tandem.kernels.weights.ModelFormatException if it cannot be read
     */
    float[] of(Site site);

    /** Those of a model's files. */
    static BaseWeights of(TensorSource files) {
        return site -> files.floats(site + ".weight");
    }
}
