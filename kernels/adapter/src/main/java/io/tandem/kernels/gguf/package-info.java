/**
 * GGUF, the format of llama.cpp: everything of a model in one file. It is translated into what HuggingFace's layout would
 * say, so that everything else need not know it; never written.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the format</a>
 */
@NullMarked
package io.tandem.kernels.gguf;

import org.jspecify.annotations.NullMarked;
