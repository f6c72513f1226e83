/** Hours of mixed load, and whether a server is at their end what it was at their beginning. */
@NullMarked
package io.tandem.loadtest.soak;

import org.jspecify.annotations.NullMarked;
