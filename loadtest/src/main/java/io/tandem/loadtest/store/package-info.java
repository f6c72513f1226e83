/** Where a server under test keeps what it keeps, and stores of its own that can be ended and started again. */
@NullMarked
package io.tandem.loadtest.store;

import org.jspecify.annotations.NullMarked;
