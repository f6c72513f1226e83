/** Files behind the server; every write is atomic, every path stays below its root. */
@NullMarked
package io.tandem.server.storage;

import org.jspecify.annotations.NullMarked;
