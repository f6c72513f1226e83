package io.tandem.server.dataset;

import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.Tool;
import java.util.List;

/** What one line of a training file says. */
sealed interface ExampleLine {
    Tags tags();

    /** A chat whose assistant messages are learned, with the tools that the model is shown. */
    record Chat(List<Message> messages, List<Tool> tools, Tags tags) implements ExampleLine {
        /** Without tools. */
        Chat(List<Message> messages, Tags tags) {
            this(messages, List.of(), tags);
        }
    }

    /** One message of a chat, and whether it is learned. */
    record Message(ChatMessage chat, boolean learned) {}

    /** A text that is learned, behind one that is not and may be empty. */
    record Completion(String prompt, String completion, Tags tags) implements ExampleLine {}

    /** Two answers to a chat, with the tools that the model is shown. */
    record Preference(
            List<ChatMessage> input, List<Tool> tools, ChatMessage preferred, ChatMessage nonPreferred, Tags tags)
            implements ExampleLine {
        /** Without tools. */
        Preference(List<ChatMessage> input, ChatMessage preferred, ChatMessage nonPreferred, Tags tags) {
            this(input, List.of(), preferred, nonPreferred, tags);
        }
    }
}
