package io.tandem.server.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.ExampleLine.Chat;
import io.tandem.server.dataset.ExampleLine.Message;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Chats that a model can write both sides of: a user and an assistant in turns, perhaps behind what a system says. */
public final class WholeChats {
    private WholeChats() {}

    /** Goes through the chats of a file that a {@link DatasetReader} has accepted as {@link TextRules#wholeChats}. */
    public static void read(InputStream file, Consumer<List<ChatMessage>> each) throws IOException {
        ExampleSource source = ExampleSource.open(file);
        for (Optional<JsonNode> line = source.next(); line.isPresent(); line = source.next()) {
            Chat chat = requireWritable(LineFormat.of(line.get()).parse(line.get()));
            each.accept(chat.messages().stream().map(Message::chat).toList());
        }
    }

    /** @throws RejectedLine if it is another example */
    static Chat requireWritable(ExampleLine line) {
        if (!(line instanceof Chat chat)) {
            throw new RejectedLine("is no chat; only chats can be written");
        }
        boolean tools = !chat.tools().isEmpty()
                || chat.messages().stream().anyMatch(message -> message.chat().needsTools());
        boolean thoughts = chat.messages().stream()
                .anyMatch(message -> !message.chat().reasoning().isBlank());
        if (tools || thoughts || chat.tags().control().isPresent()) {
            throw new RejectedLine("has " + (tools ? "tools" : thoughts ? "reasoning_content" : "a control")
                    + "; chats with that cannot be written");
        }
        List<String> roles = chat.messages().stream()
                .map(message -> message.chat().role())
                .dropWhile(role -> role.equals("system"))
                .toList();
        for (int i = 0; i < roles.size(); i++) {
            if (!roles.get(i).equals(i % 2 == 0 ? "user" : "assistant")) {
                throw new RejectedLine("is not a chat of a user and an assistant in turns; others cannot be written");
            }
        }
        return chat;
    }
}
