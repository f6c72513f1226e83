package io.tandem.server.finetune.writing;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chats that were written by now, by the number of each. They are kept as they come, so that a job which is interrupted writes only
 * the others.
 */
final class WrittenChats {
    private static final Logger LOG = LoggerFactory.getLogger(WrittenChats.class);
    private static final String NUMBER = "example";
    private static final String MESSAGES = "messages";

    private final Log log;
    private final Map<Integer, Optional<List<ChatMessage>>> chats = new HashMap<>();

    /** Lines that are kept as long as the job has not ended; the last ones may be lost in a crash. */
    interface Log {
        /** What was written by now. */
        List<String> written() throws IOException;

        void append(String line) throws IOException;
    }

    /** What an earlier run has left. A line that is damaged is left out, and its chat written again. */
    WrittenChats(Log log) throws IOException {
        this.log = log;
        for (String line : log.written()) {
            restore(line);
        }
    }

    private void restore(String line) {
        try {
            JsonNode chat = JsonBody.MAPPER.readTree(line);
            if (chat.path(NUMBER).isInt()) {
                chats.put(chat.path(NUMBER).intValue(), messages(chat.get(MESSAGES)));
            }
        } catch (JsonProcessingException e) {
            LOG.warn("an example that was written is damaged, and is written again");
        }
    }

    private static Optional<List<ChatMessage>> messages(@Nullable JsonNode array) {
        if (array == null) {
            return Optional.empty();
        }
        List<ChatMessage> messages = new ArrayList<>();
        array.forEach(message -> messages.add(new ChatMessage(
                message.path("role").asText(), message.path("content").asText())));
        return Optional.of(messages);
    }

    /** @param chat empty if it came to no end */
    void put(int number, Optional<List<ChatMessage>> chat) throws IOException {
        ObjectNode line = JsonBody.MAPPER.createObjectNode().put(NUMBER, number);
        chat.ifPresent(messages -> line.setAll(json(messages)));
        log.append(line.toString());
        chats.put(number, chat);
    }

    boolean has(int number) {
        return chats.containsKey(number);
    }

    int size() {
        return chats.size();
    }

    /** One that it has; empty if it came to no end. */
    Optional<List<ChatMessage>> get(int number) {
        return Objects.requireNonNull(chats.get(number), "not written");
    }

    /** As a line of a training file. */
    static ObjectNode json(List<ChatMessage> messages) {
        ObjectNode line = JsonBody.MAPPER.createObjectNode();
        ArrayNode array = line.putArray(MESSAGES);
        messages.forEach(
                message -> array.addObject().put("role", message.role()).put("content", message.content()));
        return line;
    }
}
