/** Compares the time of each kernel with what the machine's memory and arithmetic allow. Sees kernels, no server. */
@NullMarked
package io.tandem.loadtest.roofline;

import org.jspecify.annotations.NullMarked;
