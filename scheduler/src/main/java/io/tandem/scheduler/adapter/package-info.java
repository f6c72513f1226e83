/** Named adapter versions, and which of them are on the device. */
@NullMarked
package io.tandem.scheduler.adapter;

import org.jspecify.annotations.NullMarked;
