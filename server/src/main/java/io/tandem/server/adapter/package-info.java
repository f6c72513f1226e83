/** Adapters by name and version: where they are, how they get in and out, and what is made of them. */
@NullMarked
package io.tandem.server.adapter;

import org.jspecify.annotations.NullMarked;
