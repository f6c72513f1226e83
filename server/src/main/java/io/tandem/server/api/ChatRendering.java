package io.tandem.server.api;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * How a chat becomes text, beside its messages.
 *
 * @param tools that the model is shown
 * @param generationPrompt whether the text ends where the assistant's next message begins
 * @param continued whether the text ends with the last message's, which the answer goes on with
 * @param variables of the template that the client sets, such as {@code enable_thinking}
 */
public record ChatRendering(List<Tool> tools, boolean generationPrompt, boolean continued, ObjectNode variables) {
    /** @param generationPrompt whether the text ends where the assistant's next message begins */
    public static ChatRendering of(List<Tool> tools, boolean generationPrompt) {
        return new ChatRendering(tools, generationPrompt, false, JsonBody.MAPPER.createObjectNode());
    }

    static ChatRendering read(JsonBody body, List<ChatMessage> messages, List<Tool> tools) {
        boolean continued = body.optionalBoolean("continue_final_message", false);
        boolean generationPrompt = body.optionalBoolean("add_generation_prompt", !continued);
        if (continued && generationPrompt) {
            throw body.invalid(
                    "continue_final_message", "contradicts 'add_generation_prompt'; only one of them can be true.");
        }
        ChatMessage last = messages.get(messages.size() - 1);
        if (continued && (!last.role().equals("assistant") || last.content().isBlank())) {
            throw body.invalid("continue_final_message", "needs a last message of the assistant with a text.");
        }
        ObjectNode variables = body.optionalObject("chat_template_kwargs")
                .map(JsonBody::node)
                .orElseGet(JsonBody.MAPPER::createObjectNode);
        return new ChatRendering(tools, generationPrompt, continued, variables);
    }
}
