package io.tandem.kernels.adapter.method;

import io.tandem.kernels.model.ModelConfig;
import java.util.Optional;

/** One whose rows have {@linkplain io.tandem.kernels.adapter.OwnWeight weights of their own}, of which a base model is made. */
interface OwnWeightMethod extends PeftMethod {
    @Override
    default boolean makesBase() {
        return true;
    }

    @Override
    default Optional<String> refusal(ModelConfig model) {
        if (model.experts().isPresent()) {
            return Optional.of("is not supported with models that have experts");
        }
        return model.recursion().isPresent()
                ? Optional.of("is not supported with recursive models, whose layers share weights")
                : Optional.empty();
    }

    /** How many numbers the largest of a layer's weights has. */
    static long largest(ModelConfig model) {
        return model.linears().stream()
                .mapToLong(linear -> linear.numbers(model))
                .max()
                .orElse(0);
    }
}
