/** The commands that talk to a running server. */
@NullMarked
package io.tandem.server.client;

import org.jspecify.annotations.NullMarked;
