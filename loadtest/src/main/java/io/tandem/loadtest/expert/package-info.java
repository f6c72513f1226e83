/** What is kept of experts in skills and in a language when they are merged. */
@NullMarked
package io.tandem.loadtest.expert;

import org.jspecify.annotations.NullMarked;
