/** What the process's environment says, for whoever reaches out. */
@NullMarked
package io.tandem.server.environment;

import org.jspecify.annotations.NullMarked;
