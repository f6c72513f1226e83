/** What the figures of docs/results show, and of which columns they are made. */
@NullMarked
package io.tandem.loadtest.result;

import org.jspecify.annotations.NullMarked;
