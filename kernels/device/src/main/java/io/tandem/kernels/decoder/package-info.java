/** The device model on top of the TorchScript sources. */
@NullMarked
package io.tandem.kernels.decoder;

import org.jspecify.annotations.NullMarked;
