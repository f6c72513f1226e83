/** Which of an adapter's parameters learn in a step, whatever the method that made them. */
@NullMarked
package io.tandem.kernels.adapter.learning;

import org.jspecify.annotations.NullMarked;
