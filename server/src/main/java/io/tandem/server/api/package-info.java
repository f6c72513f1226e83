/** The OpenAI-shaped JSON, its validation, and its errors. */
@NullMarked
package io.tandem.server.api;

import org.jspecify.annotations.NullMarked;
