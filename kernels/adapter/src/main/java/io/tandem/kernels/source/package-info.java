/** Opens a model in any of the layouts that are supported. */
@NullMarked
package io.tandem.kernels.source;

import org.jspecify.annotations.NullMarked;
