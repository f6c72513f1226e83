package io.tandem.server.dataset;

import io.tandem.server.api.ChatMessage;
import io.tandem.server.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * How a chat template writes what a user says next.
 *
 * @param opening all that comes before it
 * @param ending what comes behind it, up to where the answer begins
 */
public record UserTurn(String opening, String ending) {

    /**
     * Told by two messages that differ in nothing else.
     *
     * @param template renders a chat up to where the next answer begins
     * @param before messages before the user's
     * @return empty if the template does not write the message as it is
     */
    public static Optional<UserTurn> of(Function<List<ChatMessage>, String> template, List<ChatMessage> before) {
        String one = template.apply(with(before, "1"));
        String other = template.apply(with(before, "2"));
        int start = 0;
        while (start < Math.min(one.length(), other.length()) && one.charAt(start) == other.charAt(start)) {
            start++;
        }
        boolean only = one.startsWith("1", start)
                && other.startsWith("2", start)
                && one.substring(start + 1).equals(other.substring(start + 1));
        return only ? Optional.of(new UserTurn(one.substring(0, start), one.substring(start + 1))) : Optional.empty();
    }

    /** The token that ends what the user says; empty if the template has none for that. */
    public Optional<Integer> stop(Tokenizer tokenizer) {
        return Arrays.stream(tokenizer.encodeBehind(opening + "1", ending))
                .filter(tokenizer::special)
                .boxed()
                .findFirst();
    }

    private static List<ChatMessage> with(List<ChatMessage> before, String said) {
        List<ChatMessage> chat = new ArrayList<>(before);
        chat.add(new ChatMessage("user", said));
        return chat;
    }
}
