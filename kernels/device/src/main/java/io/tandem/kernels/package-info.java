/**
 * What the device can do, as one interface and records of primitive arrays; free of DJL, so that the scheduler runs
 * in tests without libtorch.
 */
@NullMarked
package io.tandem.kernels;

import org.jspecify.annotations.NullMarked;
