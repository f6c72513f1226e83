package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.TensorSource;

/** The frozen weights of a model. */
@FunctionalInterface
public interface BaseWeights {
    /**
     * {@code [outputs, inputs]}, row by row; read anew each time.
     *
     * @param module by HuggingFace's name
     * @throws io.tandem.kernels.weights.ModelFormatException if it cannot be read
     */
    float[] of(String module);

    /** That of a linear. */
    default float[] of(Site site) {
        return of(site.toString());
    }

    /** Those of a model's files; of a recursive model those that its layers would have without recursion. */
    static BaseWeights of(TensorSource files, ModelConfig model) {
        return model.recursion().isPresent()
                ? new RecursiveWeights(files, model)
                : module -> files.floats(module + ".weight");
    }
}
