/** Measures Tandem's kernels next to llama.cpp, library against library. Sees kernels, no server. */
@NullMarked
package io.tandem.loadtest.peers;

import org.jspecify.annotations.NullMarked;
