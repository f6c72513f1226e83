/** The decoder against its references. */
package io.tandem.kernels.decoder;
