/** The pure function from the state to the next iteration. */
@NullMarked
package io.tandem.scheduler.plan;

import org.jspecify.annotations.NullMarked;
