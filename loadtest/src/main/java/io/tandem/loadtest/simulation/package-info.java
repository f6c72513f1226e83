/** Load by Gatling, and the report on what a server made of it. */
@NullMarked
package io.tandem.loadtest.simulation;

import org.jspecify.annotations.NullMarked;
