/** Compares how chats are rendered with how HuggingFace's libraries render them. */
@NullMarked
package io.tandem.loadtest.templates;

import org.jspecify.annotations.NullMarked;
