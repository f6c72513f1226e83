/** Makes recursive models, whose layers share their weights, of others. */
@NullMarked
package io.tandem.kernels.recursion;

import org.jspecify.annotations.NullMarked;
