package io.tandem.server.api;

/**
 * One message of a chat.
 *
 * @param role {@code system}, {@code user} or {@code assistant}
 * @param content plain text
 */
public record ChatMessage(String role, String content) {}
