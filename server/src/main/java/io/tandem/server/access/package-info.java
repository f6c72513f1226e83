/** Certificates of the server, and tokens of its clients that others have signed. */
@NullMarked
package io.tandem.server.access;

import org.jspecify.annotations.NullMarked;
