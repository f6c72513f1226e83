/** Clients that speak HTTP to a running server. */
@NullMarked
package io.tandem.loadtest;

import org.jspecify.annotations.NullMarked;
