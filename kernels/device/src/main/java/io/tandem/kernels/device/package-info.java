/** What this machine can compute with, found by trying. */
@NullMarked
package io.tandem.kernels.device;

import org.jspecify.annotations.NullMarked;
