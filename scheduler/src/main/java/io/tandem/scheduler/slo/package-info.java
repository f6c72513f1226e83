/** What an iteration will take, learned from what iterations took. */
@NullMarked
package io.tandem.scheduler.slo;

import org.jspecify.annotations.NullMarked;
