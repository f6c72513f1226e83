package io.tandem.server.dataset;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatRendering;
import io.tandem.server.api.Tool;
import io.tandem.server.dataset.DatasetReader.Limits;
import io.tandem.server.dataset.ExampleLine.Chat;
import io.tandem.server.dataset.ExampleLine.Completion;
import io.tandem.server.dataset.ExampleLine.Message;
import io.tandem.server.dataset.ExampleLine.Preference;
import io.tandem.server.text.ServedModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;

/** Turns the examples of one file into the model's tokens. */
final class ExampleEncoder {
    /** Where a text is cut, its last tokens are not what they would be. */
    private static final int SPARE_CHARS = 1 << 12;

    private final ServedModel model;
    private final TextRules rules;
    private final Limits limits;
    private long renderedMessages;

    ExampleEncoder(ServedModel model, TextRules rules, Limits limits) {
        this.model = model;
        this.rules = rules;
        this.limits = limits;
    }

    /**
     * The texts of a line, cut where they are longer than the limit: for a preference pair the preferred and the other;
     * for a chat one, or more if the chat template renders earlier turns differently once later ones are there.
     *
     * @throws RejectedLine if the chat template does not allow it, or has been rendered too often for this file
     */
    List<LearnedText> encode(ExampleLine line) {
        if (rules.wholeChats()) {
            WholeChats.requireWritable(line);
        }
        if (line instanceof Chat chat) {
            return chat(chat.messages(), chat.tools());
        }
        if (line instanceof Preference preference) {
            return preference(preference);
        }
        Completion completion = (Completion) line;
        return List.of(completion(completion.prompt(), completion.completion()));
    }

    private LearnedText completion(String prompt, String completion) {
        LearnedText text = new LearnedText(limits.sequenceTokens())
                .add(model.tokenizer().begin(encode("", prompt)), false)
                .add(encode(prompt, completion), true);
        model.stopTokens().stream().limit(1).forEach(stop -> text.add(new int[] {stop}, true));
        return text;
    }

    /**
     * Each answer follows the prompt as it is served. While that prompt goes on from the turns before, they are one text;
     * where the template renders those in another way by now, for example without their thoughts, the turn begins a text
     * of its own. Stops at the limit, or a chat of very many messages would be rendered again for each of them.
     */
    private List<LearnedText> chat(List<Message> messages, List<Tool> tools) {
        List<ChatMessage> chat = messages.stream().map(Message::chat).toList();
        List<LearnedText> texts = new ArrayList<>();
        LearnedText text = new LearnedText(limits.sequenceTokens());
        String done = "";
        String behind = "";
        for (int i = 0; i < chat.size() && !text.isCut(); i++) {
            // What is not learned is part of the next prompt, so it need not be rendered for itself.
            boolean history = rules.maskHistory() && i < chat.size() - 1;
            if (history || !chat.get(i).role().equals("assistant")) {
                continue;
            }
            String before = render(chat.subList(0, i), tools, true);
            if (!before.startsWith(done)) {
                keep(text, texts);
                text = new LearnedText(limits.sequenceTokens());
                done = "";
                behind = "";
            }
            String prompt = before.substring(done.length());
            String answer = answer(chat.subList(0, i + 1), tools, before, "messages[" + i + "]");
            if (rules.wholeChats()) {
                whole(text, chat.subList(0, i), behind, prompt, before);
            } else {
                text.add(encode(behind, prompt), false);
            }
            answer(text, encode(prompt, answer), messages.get(i).learned());
            done = before + answer;
            behind = answer;
        }
        if (texts.isEmpty() || text.isCut()) {
            texts.add(text);
        } else {
            keep(text, texts);
        }
        return texts;
    }

    /** A prompt of which the user's last message is learned, with its end. */
    private void whole(LearnedText text, List<ChatMessage> chat, String behind, String prompt, String before) {
        UserTurn turn = UserTurn.of(messages -> render(messages, List.of(), true), chat.subList(0, chat.size() - 1))
                .filter(found -> before.startsWith(found.opening())
                        && found.opening().length() >= before.length() - prompt.length()
                        && found.stop(model.tokenizer()).isPresent())
                .orElseThrow(
                        () -> new RejectedLine("the chat template does not write users' messages as they are, with a"
                                + " special token behind them, so they cannot be learned"));
        String said = before.substring(turn.opening().length());
        String head = prompt.substring(0, prompt.length() - said.length());
        text.add(encode(behind, head), false).add(encode(turn.opening(), said), true);
    }

    private static void keep(LearnedText text, List<LearnedText> texts) {
        if (text.teaches()) {
            texts.add(text);
        }
    }

    private List<LearnedText> preference(Preference preference) {
        List<Tool> tools = preference.tools();
        String before = render(preference.input(), tools, true);
        int[] prompt = encode("", before);
        List<LearnedText> texts = new ArrayList<>();
        for (ChatMessage output : List.of(preference.preferred(), preference.nonPreferred())) {
            List<ChatMessage> chat = new ArrayList<>(preference.input());
            chat.add(output);
            LearnedText text = new LearnedText(limits.sequenceTokens()).add(prompt, false);
            String where = texts.isEmpty() ? "preferred_output" : "non_preferred_output";
            answer(text, encode(before, answer(chat, tools, before, where)), true);
            texts.add(text);
        }
        return texts;
    }

    /**
     * The last message of a chat as the model is to say it after a prompt. That is what the chat adds to the prompt; if
     * the template renders one of them differently, as those do whose prompts end in {@code <think>}, it is what begins
     * where the message's text does.
     */
    private String answer(List<ChatMessage> chat, List<Tool> tools, String prompt, String where) {
        String answer = rendered(chat, tools, prompt, where);
        String reasoning = chat.get(chat.size() - 1).reasoning().strip();
        if (!answer.contains(reasoning)) {
            throw new RejectedLine(where + ".reasoning_content cannot be learned: the chat template leaves it out;"
                    + " put the thoughts into content, as the model is to write them");
        }
        return answer;
    }

    private String rendered(List<ChatMessage> chat, List<Tool> tools, String prompt, String where) {
        String rendered = render(chat, tools, false);
        if (rendered.startsWith(prompt)) {
            return rendered.substring(prompt.length());
        }
        String one = render(withLast(chat, "1"), tools, false);
        String other = render(withLast(chat, "2"), tools, false);
        int start = 0;
        while (start < Math.min(one.length(), other.length()) && one.charAt(start) == other.charAt(start)) {
            start++;
        }
        if (start == one.length() || !rendered.startsWith(one.substring(0, start))) {
            throw new RejectedLine(
                    where + " cannot be learned: the chat template leaves out its text, or changes with it"
                            + " what comes before");
        }
        return rendered.substring(start);
    }

    private static List<ChatMessage> withLast(List<ChatMessage> chat, String content) {
        List<ChatMessage> other = new ArrayList<>(chat);
        ChatMessage last = other.remove(other.size() - 1);
        other.add(new ChatMessage(last.role(), content));
        return other;
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

    /** Whether no further chat can be rendered for this file. */
    boolean isSpent() {
        return renderedMessages > limits.renderedMessages();
    }

    private String render(List<ChatMessage> messages, List<Tool> tools, boolean addGenerationPrompt) {
        if (Thread.currentThread().isInterrupted()) {
            // A long chat takes minutes without another look at the file, which would notice it.
            throw new CancellationException("the file is not needed any more");
        }
        renderedMessages += messages.size();
        if (isSpent()) {
            throw new RejectedLine("the file's chats have too many turns: an answer is rendered with all that comes"
                    + " before it, which is more than " + limits.renderedMessages() + " messages");
        }
        boolean needsTools = !tools.isEmpty() || messages.stream().anyMatch(ChatMessage::needsTools);
        if (needsTools && !model.template().knowsTools()) {
            throw new RejectedLine("has tools, which the model's chat template does not know; take a model that was"
                    + " trained with tools, or remove them");
        }
        try {
            return model.template().render(messages, ChatRendering.of(tools, addGenerationPrompt));
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
