/** What adapters learn from how much data, and from which of it. */
@NullMarked
package io.tandem.loadtest.data;

import org.jspecify.annotations.NullMarked;
