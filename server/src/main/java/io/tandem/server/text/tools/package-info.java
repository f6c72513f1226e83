/** How families of models write tool calls and thoughts. */
@NullMarked
package io.tandem.server.text.tools;

import org.jspecify.annotations.NullMarked;
