/** The one thread that owns the device: drain, plan, run, apply. */
@NullMarked
package io.tandem.scheduler.loop;

import org.jspecify.annotations.NullMarked;
