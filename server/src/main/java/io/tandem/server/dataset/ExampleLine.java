package io.tandem.server.dataset;

import io.tandem.server.api.ChatMessage;
import java.util.List;

/** What one line of a training file says. */
sealed interface ExampleLine {
    Tags tags();

    /** A chat whose assistant messages are learned. */
    record Chat(List<Message> messages, Tags tags) implements ExampleLine {}

    /** One message of a chat, and whether it is learned. */
    record Message(ChatMessage chat, boolean learned) {}

    /** A text that is learned, behind one that is not and may be empty. */
    record Completion(String prompt, String completion, Tags tags) implements ExampleLine {}

    /** Two answers to a chat. */
    record Preference(List<ChatMessage> input, ChatMessage preferred, ChatMessage nonPreferred, Tags tags)
            implements ExampleLine {}
}
