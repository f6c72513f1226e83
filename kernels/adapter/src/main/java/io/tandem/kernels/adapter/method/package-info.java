/** Ways to train few parameters beside a frozen model. */
@NullMarked
package io.tandem.kernels.adapter.method;

import org.jspecify.annotations.NullMarked;
