/** Several adapters made into one; host-side arithmetic on the values of {@code adapter}, no device. */
@NullMarked
package io.tandem.kernels.adapter.merge;

import org.jspecify.annotations.NullMarked;
