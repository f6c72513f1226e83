/** What can be set, and how it is read from YAML and flags; knows no other package of the server. */
@NullMarked
package io.tandem.server.config;

import org.jspecify.annotations.NullMarked;
