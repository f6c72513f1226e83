package io.tandem.server.dataset;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.DatasetReader.Limits;
import io.tandem.server.dataset.ExampleLine.Chat;
import io.tandem.server.dataset.ExampleLine.Completion;
import io.tandem.server.dataset.ExampleLine.Message;
import io.tandem.server.dataset.ExampleLine.Preference;
import io.tandem.server.text.ServedModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Turns the examples of one file into the model's tokens. */
final class ExampleEncoder {
    /** Where a text is cut, its last tokens are not what they would be. */
    private static final int SPARE_CHARS = 1 << 12;

    private final ServedModel model;
    private final Limits limits;
    private long renderedMessages;

    ExampleEncoder(ServedModel model, Limits limits) {
        this.model = model;
        this.limits = limits;
    }

    /**
     * One text, or for a preference pair the preferred and the other; cut where they are longer than the limit.
     *
     * @throws RejectedLine if the chat template does not allow it, or has been rendered too often for this file
     */
    List<LearnedText> encode(ExampleLine line) {
        if (line instanceof Chat chat) {
            return List.of(chat(chat.messages()));
        }
        if (line instanceof Preference preference) {
            return preference(preference);
        }
        Completion completion = (Completion) line;
        return List.of(completion(completion.prompt(), completion.completion()));
    }

    private LearnedText completion(String prompt, String completion) {
        LearnedText text = new LearnedText(limits.sequenceTokens())
                .add(encode("", prompt), false)
                .add(encode(prompt, completion), true);
        model.stopTokens().stream().limit(1).forEach(stop -> text.add(new int[] {stop}, true));
        return text;
    }

    /**
     * Each answer is cut off where the generation prompt ends, as it is when the model is asked. Stops at the limit, or
     * a chat of very many messages would be rendered again for each of them.
     */
    private LearnedText chat(List<Message> messages) {
        List<ChatMessage> chat = messages.stream().map(Message::chat).toList();
        LearnedText text = new LearnedText(limits.sequenceTokens());
        String done = "";
        String behind = "";
        for (int i = 0; i < chat.size() && !text.isCut(); i++) {
            if (!chat.get(i).role().equals("assistant")) {
                continue;
            }
            String before = render(chat.subList(0, i), true);
            String after = render(chat.subList(0, i + 1), false);
            String where = "messages[" + i + "]";
            String prompt = continued(done, before, where);
            String answer = continued(before, after, where);
            text.add(encode(behind, prompt), false);
            answer(text, encode(prompt, answer), messages.get(i).learned());
            done = after;
            behind = answer;
        }
        return text;
    }

    private List<LearnedText> preference(Preference preference) {
        String before = render(preference.input(), true);
        int[] prompt = encode("", before);
        List<LearnedText> texts = new ArrayList<>();
        for (ChatMessage output : List.of(preference.preferred(), preference.nonPreferred())) {
            List<ChatMessage> chat = new ArrayList<>(preference.input());
            chat.add(output);
            LearnedText text = new LearnedText(limits.sequenceTokens()).add(prompt, false);
            String where = texts.isEmpty() ? "preferred_output" : "non_preferred_output";
            answer(text, encode(before, continued(before, render(chat, false), where)), true);
            texts.add(text);
        }
        return texts;
    }

    /** Nothing behind the end of the turn is learned: the model is never asked for it. */
    private void answer(LearnedText text, int[] tokens, boolean learned) {
        int end = tokens.length;
        while (end > 0 && !model.stopTokens().contains(tokens[end - 1])) {
            end--;
        }
        end = end == 0 ? tokens.length : end;
        text.add(Arrays.copyOf(tokens, end), learned);
        text.add(Arrays.copyOfRange(tokens, end, tokens.length), false);
    }

    /** What a longer rendering of a chat adds to a shorter one. */
    private static String continued(String shorter, String longer, String where) {
        if (!longer.startsWith(shorter)) {
            throw new RejectedLine(
                    where + " cannot be learned: the chat template changes what comes before an assistant message");
        }
        return longer.substring(shorter.length());
    }

    private String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        renderedMessages += messages.size();
        if (renderedMessages > limits.renderedMessages()) {
            throw new RejectedLine("the file's chats have too many turns: an answer is rendered with all that comes"
                    + " before it, which is more than " + limits.renderedMessages() + " messages");
        }
        try {
            return model.template().render(messages, addGenerationPrompt);
        } catch (ApiException e) {
            throw new RejectedLine(String.valueOf(e.getMessage()));
        }
    }

    /** Only as much as can matter: what is longer than the limit's tokens can be has more tokens than the limit. */
    private int[] encode(String before, String text) {
        int most = (int) Math.min(text.length(), SPARE_CHARS + model.tokenizer().maxBytes(limits.sequenceTokens()));
        return model.tokenizer().encodeBehind(before, text.substring(0, most));
    }
}
