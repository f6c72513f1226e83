/** What one tenant notices of another. */
@NullMarked
package io.tandem.loadtest.tenant;

import org.jspecify.annotations.NullMarked;
