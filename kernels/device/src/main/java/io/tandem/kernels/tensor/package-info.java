/** The only package that owns native memory. */
@NullMarked
package io.tandem.kernels.tensor;

import org.jspecify.annotations.NullMarked;
