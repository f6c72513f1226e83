/** Micrometer meters, fed by the engine. */
@NullMarked
package io.tandem.server.metrics;

import org.jspecify.annotations.NullMarked;
