/** HTTP routes and handlers; nothing here blocks an event loop. */
@NullMarked
package io.tandem.server.http;

import org.jspecify.annotations.NullMarked;
