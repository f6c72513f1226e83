/** Base models that fine-tuning leaves in the place of an adapter. A further kind is one {@code NewBase}. */
@NullMarked
package io.tandem.kernels.made;

import org.jspecify.annotations.NullMarked;
