/** Jobs, their mini-batches, and where their progress goes. */
@NullMarked
package io.tandem.scheduler.finetune;

import org.jspecify.annotations.NullMarked;
