/** Which texts an answer may have: JSON schemas, regular expressions and choices as one automaton over bytes. */
@NullMarked
package io.tandem.server.text.grammar;

import org.jspecify.annotations.NullMarked;
