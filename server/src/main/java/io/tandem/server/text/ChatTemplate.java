package io.tandem.server.text;

import io.tandem.server.api.ChatMessage;
import java.util.List;

/** Renders a chat as the text that the model was trained on. Safe from any thread. */
public interface ChatTemplate {
    /**
     * @param addGenerationPrompt whether the text ends where the assistant's next message begins
     * @throws io.tandem.server.api.ApiException if the template refuses the messages
     */
    String render(List<ChatMessage> messages, boolean addGenerationPrompt);
}
