package io.tandem.server.dataset;

import io.tandem.server.api.ChatMessage;
import java.util.List;
import java.util.Optional;

/** What one line of a training file says. */
sealed interface ExampleLine {
    /** What the line teaches. */
    Optional<String> ability();

    /** A chat whose assistant messages are learned. */
    record Chat(List<Message> messages, Optional<String> ability) implements ExampleLine {}

    /** One message of a chat, and whether it is learned. */
    record Message(ChatMessage chat, boolean learned) {}

    /** A text that is learned, behind one that is not and may be empty. */
    record Completion(String prompt, String completion, Optional<String> ability) implements ExampleLine {}

    /** Two answers to a chat. */
    record Preference(
            List<ChatMessage> input, ChatMessage preferred, ChatMessage nonPreferred, Optional<String> ability)
            implements ExampleLine {}
}
