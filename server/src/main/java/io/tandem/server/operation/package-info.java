/** Whether the server can be relied on, and how it ends. */
@NullMarked
package io.tandem.server.operation;

import org.jspecify.annotations.NullMarked;
