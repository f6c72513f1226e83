/** What each fine-tuning method learns in a given time, and what its adapters cost when they answer. */
@NullMarked
package io.tandem.loadtest.method;

import org.jspecify.annotations.NullMarked;
