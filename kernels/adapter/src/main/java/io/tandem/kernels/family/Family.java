package io.tandem.kernels.family;

import io.tandem.kernels.model.ModelConfig;

/** Models that share a {@code model_type}: how their {@code config.json} is to be read. */
interface Family {
    /** The class in transformers, as {@code architectures} names it. */
    String architecture();

    /** {@code model_type}. */
    String modelType();

    /**
     * The structure of a model. Keys that are absent mean what they mean to transformers; what would change the
     * arithmetic in a way that cannot be expressed is refused by its key.
     *
     * @throws io.tandem.kernels.weights.ModelFormatException naming the key, what was found and what is supported
     */
    ModelConfig.Builder read(DecoderFields config);
}
