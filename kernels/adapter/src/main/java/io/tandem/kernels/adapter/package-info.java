/** Adapters as host-side values; no device. */
@NullMarked
package io.tandem.kernels.adapter;

import org.jspecify.annotations.NullMarked;
