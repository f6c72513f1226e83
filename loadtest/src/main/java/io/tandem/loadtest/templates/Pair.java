package io.tandem.loadtest.templates;

import java.util.Map;

/**
 * A template and a chat for it.
 *
 * @param template the name of the model that it is from
 * @param chat the name of the chat
 * @param source the template's text
 * @param variables what the template can read
 * @param reference what {@code @huggingface/jinja} makes of it
 */
record Pair(String template, String chat, String source, Map<String, Object> variables, Outcome reference) {}
