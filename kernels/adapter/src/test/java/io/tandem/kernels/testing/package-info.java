/** Tiny models, adapters and tolerances for the tests of every module; shared as a test-jar, free of DJL. */
@NullMarked
package io.tandem.kernels.testing;

import org.jspecify.annotations.NullMarked;
