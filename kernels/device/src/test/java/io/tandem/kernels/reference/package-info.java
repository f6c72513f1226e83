/** The oracle: the decoder in plain loops, written from the papers and sharing nothing with the kernels. */
@NullMarked
package io.tandem.kernels.reference;

import org.jspecify.annotations.NullMarked;
