/** Requests, their sequences, and where their tokens go. */
@NullMarked
package io.tandem.scheduler.inference;

import org.jspecify.annotations.NullMarked;
