package io.tandem.kernels.testing;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.ModelConfig.RopeScaling;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Changes some values of a model's shape. */
final class Shape {
    private ModelConfig config;

    Shape(ModelConfig config) {
        this.config = config;
    }

    ModelConfig build() {
        return config;
    }

    Shape family(String architecture) {
        return with(architecture, config.layers(), config.hidden(), config.heads(), config.kvHeads(), config.headDim());
    }

    Shape layers(int layers) {
        return with(config.architecture(), layers, config.hidden(), config.heads(), config.kvHeads(), config.headDim());
    }

    Shape hidden(int hidden) {
        return with(config.architecture(), config.layers(), hidden, config.heads(), config.kvHeads(), config.headDim());
    }

    Shape heads(int heads, int kvHeads, int headDim) {
        return with(config.architecture(), config.layers(), config.hidden(), heads, kvHeads, headDim);
    }

    Shape rope(double theta, @Nullable RopeScaling scaling) {
        return with(
                theta,
                Optional.ofNullable(scaling),
                config.qkvBias(),
                config.outputBias(),
                config.mlpBias(),
                config.qkNorm(),
                config.tiedEmbeddings());
    }

    Shape biases(boolean qkv, boolean output, boolean mlp) {
        return with(
                config.ropeTheta(), config.ropeScaling(), qkv, output, mlp, config.qkNorm(), config.tiedEmbeddings());
    }

    Shape queryAndKeyNorm() {
        return with(
                config.ropeTheta(),
                config.ropeScaling(),
                config.qkvBias(),
                config.outputBias(),
                config.mlpBias(),
                true,
                config.tiedEmbeddings());
    }

    Shape tied() {
        return with(
                config.ropeTheta(),
                config.ropeScaling(),
                config.qkvBias(),
                config.outputBias(),
                config.mlpBias(),
                config.qkNorm(),
                true);
    }

    private Shape with(String architecture, int layers, int hidden, int heads, int kvHeads, int headDim) {
        config = new ModelConfig(
                architecture,
                layers,
                hidden,
                heads,
                kvHeads,
                headDim,
                config.ffn(),
                config.vocab(),
                config.maxPositions(),
                config.rmsEpsilon(),
                config.ropeTheta(),
                config.ropeScaling(),
                config.qkvBias(),
                config.outputBias(),
                config.mlpBias(),
                config.qkNorm(),
                config.tiedEmbeddings());
        return this;
    }

    private Shape with(
            double ropeTheta,
            Optional<RopeScaling> ropeScaling,
            boolean qkvBias,
            boolean outputBias,
            boolean mlpBias,
            boolean qkNorm,
            boolean tied) {
        config = new ModelConfig(
                config.architecture(),
                config.layers(),
                config.hidden(),
                config.heads(),
                config.kvHeads(),
                config.headDim(),
                config.ffn(),
                config.vocab(),
                config.maxPositions(),
                config.rmsEpsilon(),
                ropeTheta,
                ropeScaling,
                qkvBias,
                outputBias,
                mlpBias,
                qkNorm,
                tied);
        return this;
    }
}
