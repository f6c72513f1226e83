/** What happened to a request and to a job, step by step, as spans for a collector. */
@NullMarked
package io.tandem.server.trace;

import org.jspecify.annotations.NullMarked;
