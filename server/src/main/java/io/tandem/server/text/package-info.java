/** Text to tokens and back, and chat templates. */
@NullMarked
package io.tandem.server.text;

import org.jspecify.annotations.NullMarked;
