/**
 * The part of Jinja that chat templates use, with the semantics of Python's jinja2 as HuggingFace's transformers set it
 * up: {@code trim_blocks}, {@code lstrip_blocks}, loop controls, the {@code generation} tag, and an immutable sandbox.
 *
 * <p>Templates come from strangers. Values are texts, numbers, lists, dicts and functions of this package only, so there is
 * nothing else for a template to reach, and {@link io.tandem.server.text.jinja.Budget} bounds its time and memory.
 */
@NullMarked
package io.tandem.server.text.jinja;

import org.jspecify.annotations.NullMarked;
