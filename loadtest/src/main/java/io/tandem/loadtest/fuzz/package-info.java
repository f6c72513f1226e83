/** Random requests against every route of a server, and what every answer has to be. */
@NullMarked
package io.tandem.loadtest.fuzz;

import org.jspecify.annotations.NullMarked;
