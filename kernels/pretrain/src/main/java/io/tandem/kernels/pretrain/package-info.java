/**
 * Trains the embedded sample model from nothing: text generators, tokenizer, training loop, export and evaluation.
 * Only the command line depends on it; serving never does.
 */
@NullMarked
package io.tandem.kernels.pretrain;

import org.jspecify.annotations.NullMarked;
