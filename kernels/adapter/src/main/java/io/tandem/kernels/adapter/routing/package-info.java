/** Which adapter a prompt is for, by directions that are found in the weights of the adapters. */
@NullMarked
package io.tandem.kernels.adapter.routing;

import org.jspecify.annotations.NullMarked;
