/** Writes a random model in the formats of both engines. Sees kernels, no server. */
@NullMarked
package io.tandem.loadtest.model;

import org.jspecify.annotations.NullMarked;
