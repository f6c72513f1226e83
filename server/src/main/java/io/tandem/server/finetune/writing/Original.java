package io.tandem.server.finetune.writing;

import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.WholeChats;
import io.tandem.server.storage.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What has to be known of a file for hours, so it is little: the roles and the system messages of each chat, of which most
 * have the same, and hashes of what users ask.
 */
final class Original {
    private final List<List<ChatMessage>> patterns = new ArrayList<>();
    private final Set<ByteBuffer> asked = new HashSet<>();

    private Original() {}

    static Original read(InputStream file) throws IOException {
        Original original = new Original();
        Map<List<ChatMessage>, List<ChatMessage>> different = new HashMap<>();
        WholeChats.read(file, chat -> {
            List<ChatMessage> pattern = chat.stream().map(Original::pattern).toList();
            original.patterns.add(different.computeIfAbsent(pattern, same -> same));
            original.asked.add(asked(chat));
        });
        return original;
    }

    private static ChatMessage pattern(ChatMessage message) {
        return new ChatMessage(message.role(), message.role().equals("system") ? message.content() : "");
    }

    /** A chat for each of the file, in which nobody but the system says anything. */
    List<List<ChatMessage>> patterns() {
        return patterns;
    }

    /** Whether the users of a chat say, word by word, what those of one in the file do. */
    boolean asks(ByteBuffer chat) {
        return asked.contains(chat);
    }

    /** The hash of all that the user says. */
    static ByteBuffer asked(List<ChatMessage> chat) {
        MessageDigest digest = Sha256.digest();
        chat.stream()
                .filter(message -> message.role().equals("user"))
                .map(message -> message.content().strip().getBytes(StandardCharsets.UTF_8))
                .forEach(said -> {
                    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, said.length));
                    digest.update(said);
                });
        return ByteBuffer.wrap(digest.digest());
    }
}
