package io.tandem.server.api;

import java.util.List;

/**
 * One message of a chat.
 *
 * @param role {@code system}, {@code user}, {@code assistant} or {@code tool}
 * @param content plain text
 * @param reasoning what an assistant thought before; empty if that is not told
 * @param calls of tools that an assistant made
 * @param callId which call a tool answers; empty if that is not told
 * @param name of the tool that answers; empty if that is not told
 */
public record ChatMessage(
        String role, String content, String reasoning, List<ToolCall> calls, String callId, String name) {

    /** One that has nothing to do with tools. */
    public ChatMessage(String role, String content) {
        this(role, content, "", List.of(), "", "");
    }

    /** Whether it means something only to a model that knows tools. */
    public boolean needsTools() {
        return role.equals("tool") || !calls.isEmpty();
    }
}
