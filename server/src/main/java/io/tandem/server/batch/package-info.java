/** Batches: files of requests that are answered when nobody waits. */
@NullMarked
package io.tandem.server.batch;

import org.jspecify.annotations.NullMarked;
