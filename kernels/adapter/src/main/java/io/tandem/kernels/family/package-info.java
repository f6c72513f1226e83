/**
 * What HuggingFace's {@code config.json} means, one class for each family of models. Everything else sees a
 * {@link io.tandem.kernels.model.ModelConfig} and no family; {@code docs/models.md} says how to add one.
 */
@NullMarked
package io.tandem.kernels.family;

import org.jspecify.annotations.NullMarked;
