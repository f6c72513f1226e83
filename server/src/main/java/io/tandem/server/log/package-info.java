/** What is written for operators and their tools. */
@NullMarked
package io.tandem.server.log;

import org.jspecify.annotations.NullMarked;
