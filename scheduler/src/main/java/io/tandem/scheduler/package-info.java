/** Who gets the next iteration's tokens; the module's face. No device library, no HTTP, no clock of its own. */
@NullMarked
package io.tandem.scheduler;

import org.jspecify.annotations.NullMarked;
