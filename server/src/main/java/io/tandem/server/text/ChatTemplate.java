package io.tandem.server.text;

import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatRendering;
import java.util.List;

/** Renders a chat as the text that the model was trained on. Safe from any thread. */
public interface ChatTemplate {
    /**
     * @param addGenerationPrompt whether the text ends where the assistant's next message begins
     * @throws io.tandem.server.api.ApiException if the template refuses the messages
     */
    default String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        return render(messages, ChatRendering.of(List.of(), addGenerationPrompt));
    }

    /** @throws io.tandem.server.api.ApiException if the template refuses the messages */
    String render(List<ChatMessage> messages, ChatRendering rendering);

    /** Whether it shows tools and their calls to the model. */
    default boolean knowsTools() {
        return source().contains("tools");
    }

    /** The template itself; empty if the model has none that can be used. */
    String source();
}
