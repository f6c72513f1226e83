/**
 * Model directories as files: {@code config.json} and safetensors, read strictly; may be used by every package, uses
 * the records of the root package and {@code TargetModule} only.
 */
@NullMarked
package io.tandem.kernels.weights;

import org.jspecify.annotations.NullMarked;
