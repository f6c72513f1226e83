/** The only package that knows the archive format in which TorchScript sources reach libtorch. */
@NullMarked
package io.tandem.kernels.torchscript;

import org.jspecify.annotations.NullMarked;
