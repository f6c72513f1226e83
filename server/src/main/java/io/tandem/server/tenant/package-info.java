/** Who may do what: tenants, their keys, and what a key allows. */
@NullMarked
package io.tandem.server.tenant;

import org.jspecify.annotations.NullMarked;
