package io.tandem.server.api;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;

/**
 * How a chat becomes text, beside its messages.
 *
 * @param tools that the model is shown
 * @param generationPrompt whether the text ends where the assistant's next message begins
 * @param continued whether the text ends with the last message's, which the answer goes on with
 * @param variables of the template that the client sets, such as {@code enable_thinking}
 */
public record ChatRendering(List<Tool> tools, boolean generationPrompt, boolean continued, ObjectNode variables) {
    /** OpenAI's words for how long to think. */
    static final FieldType EFFORT = new FieldType.Name(List.of("none", "minimal", "low", "medium", "high", "xhigh"));

    /** @param generationPrompt whether the text ends where the assistant's next message begins */
    public static ChatRendering of(List<Tool> tools, boolean generationPrompt) {
        return new ChatRendering(tools, generationPrompt, false, JsonBody.MAPPER.createObjectNode());
    }

    /**
     * The same with how long the model is to think before it answers, for templates that know {@code reasoning_effort}, as
     * vLLM passes it to them. Others can at most switch thinking off. What the client has set itself stays.
     *
     * @param effort checked by {@link #EFFORT}
     */
    ChatRendering withEffort(Optional<String> effort) {
        ObjectNode all = JsonBody.MAPPER.createObjectNode();
        effort.ifPresent(value -> {
            all.put("reasoning_effort", value);
            if (value.equals("none")) {
                all.put("enable_thinking", false).put("thinking", false);
            }
        });
        all.setAll(variables);
        return new ChatRendering(tools, generationPrompt, continued, all);
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
