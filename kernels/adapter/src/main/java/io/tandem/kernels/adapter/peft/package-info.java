/** Adapters in the directory layout of HuggingFace PEFT; uses the file readers of {@code weights}. */
@NullMarked
package io.tandem.kernels.adapter.peft;

import org.jspecify.annotations.NullMarked;
