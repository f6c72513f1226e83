/** Training files: checked as a whole, and turned into tokens that are learned and tokens that are not. */
@NullMarked
package io.tandem.server.dataset;

import org.jspecify.annotations.NullMarked;
