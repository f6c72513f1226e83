/** Kills a server again and again and looks whether all that it acknowledged is still there. */
@NullMarked
package io.tandem.loadtest.crash;

import org.jspecify.annotations.NullMarked;
