/** Answers whose texts are limited by a grammar: from its states to the tokens of a vocabulary. */
@NullMarked
package io.tandem.server.text.constrained;

import org.jspecify.annotations.NullMarked;
