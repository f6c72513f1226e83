/** The process: command line, composition root, configuration. */
@NullMarked
package io.tandem.server;

import org.jspecify.annotations.NullMarked;
