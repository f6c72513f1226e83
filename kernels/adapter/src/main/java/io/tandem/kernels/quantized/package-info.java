/**
 * Checkpoints whose linears were quantized by others: GPTQ, AWQ and compressed-tensors. They are read as if they were
 * float32; what the weights become on the device is up to the weight form. A further method is one {@code Packing}.
 */
@NullMarked
package io.tandem.kernels.quantized;

import org.jspecify.annotations.NullMarked;
