package io.tandem.server.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.ExampleLine.Chat;
import io.tandem.server.dataset.ExampleLine.Completion;
import io.tandem.server.dataset.ExampleLine.Message;
import io.tandem.server.dataset.ExampleLine.Preference;
import io.tandem.server.text.JsonFile;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Shapes of an example in training files, told apart by their keys. OpenAI's are trained as they are; those of public
 * datasets become chats or pairs by one rule each. A key whose value is null counts as absent.
 */
enum LineFormat {
    CHAT("messages", "tools parallel_tool_calls functions") {
        @Override
        ExampleLine read(JsonNode line, Tags tags) {
            return new Chat(Messages.weighted(line.path("messages"), "messages"), Messages.tools(line, ""), tags);
        }
    },
    PREFERENCE("input preferred_output non_preferred_output", "") {
        @Override
        ExampleLine read(JsonNode line, Tags tags) {
            return new Preference(
                    Messages.input(line.path("input")),
                    Messages.tools(line.path("input"), "input"),
                    Messages.answer(line.path("preferred_output"), "preferred_output"),
                    Messages.answer(line.path("non_preferred_output"), "non_preferred_output"),
                    tags);
        }
    },
    /** TRL's preferences, as texts or as messages. Without a prompt the messages that both share are the prompt. */
    CHOSEN_REJECTED("chosen rejected", "prompt") {
        @Override
        ExampleLine read(JsonNode line, Tags tags) {
            if (line.path("chosen").isTextual()) {
                return new Preference(
                        List.of(new ChatMessage("user", Texts.required(line, "prompt", ""))),
                        new ChatMessage("assistant", Texts.required(line, "chosen", "")),
                        new ChatMessage("assistant", Texts.required(line, "rejected", "")),
                        tags);
            }
            return Messages.preference(line, tags);
        }
    },
    COMPLETION("prompt completion", "") {
        @Override
        ExampleLine read(JsonNode line, Tags tags) {
            return new Completion(Texts.optional(line, "prompt", ""), Texts.required(line, "completion", ""), tags);
        }
    },
    PROMPT_RESPONSE("prompt", "", "response", ""),
    QUESTION_ANSWER("question", "", "answer", ""),
    /** Stanford Alpaca's; its column {@code text} repeats the others. */
    ALPACA("instruction", "input", "output", "text"),
    /** Databricks Dolly's. */
    DOLLY("instruction", "context", "response", "category"),
    INPUT_OUTPUT("input", "", "output", ""),
    SHAREGPT("conversations", "id system") {
        @Override
        ExampleLine read(JsonNode line, Tags tags) {
            List<Message> messages = new ArrayList<>();
            if (line.hasNonNull("system")) {
                messages.add(new Message(new ChatMessage("system", Texts.required(line, "system", "")), false));
            }
            messages.addAll(Messages.shareGpt(line.path("conversations")));
            return new Chat(messages, tags);
        }
    },
    TEXT("text", "") {
        @Override
        ExampleLine read(JsonNode line, Tags tags) {
            return new Completion("", Texts.required(line, "text", ""), tags);
        }
    };

    private static final Set<String> TAGS = Set.of("ability", "control");
    private static final String SEE = "see docs/training-data.md";

    /** Keys that all have to be there, and keys that may be, separated by spaces. */
    private final String required;

    private final String optional;

    /** Of a question and its answer, the keys of both and of what the question is about; else empty. */
    private final String question;

    private final String about;
    private final String answer;

    LineFormat(String required, String optional) {
        this.required = required;
        this.optional = optional;
        this.question = "";
        this.about = "";
        this.answer = "";
    }

    LineFormat(String question, String about, String answer, String ignored) {
        this.required = question + " " + answer;
        this.optional = about + " " + ignored;
        this.question = question;
        this.about = about;
        this.answer = answer;
    }

    private List<String> required() {
        return List.of(required.split(" "));
    }

    private boolean knows(String key) {
        boolean named = required().contains(key) || List.of(optional.split(" ")).contains(key) || TAGS.contains(key);
        return named && !key.isEmpty();
    }

    /** A question and its answer become a chat: what the user asks, with what it is about below it. */
    ExampleLine read(JsonNode line, Tags tags) {
        String more = about.isEmpty() ? "" : Texts.optional(line, about, "");
        String asked = Texts.required(line, question, "") + (more.isEmpty() ? "" : "\n\n" + more);
        return new Chat(
                List.of(
                        new Message(new ChatMessage("user", asked), false),
                        new Message(new ChatMessage("assistant", Texts.required(line, answer, "")), true)),
                tags);
    }

    /** The name in reports about a file. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The format with the most of its keys there, if one has all; of equal ones the first. */
    static Optional<LineFormat> of(Collection<String> keys) {
        return Arrays.stream(values())
                .filter(format -> keys.containsAll(format.required()))
                .max(Comparator.comparingInt(
                                (LineFormat format) -> format.required().size())
                        .thenComparing(Comparator.comparing(LineFormat::ordinal).reversed()));
    }

    /**
     * The format of one example.
     *
     * @throws RejectedLine if its keys are not those of one
     */
    static LineFormat of(JsonNode line) {
        if (!line.isObject()) {
            throw new RejectedLine("is not a JSON object");
        }
        Set<String> keys = Texts.keys(line);
        LineFormat format = of(keys).orElseThrow(() -> unknown(keys));
        for (String key : keys) {
            if (!format.knows(key)) {
                throw new RejectedLine(JsonFile.excerpt(key) + " is not a known key beside "
                        + String.join(", ", format.required()) + "; remove it, or " + SEE);
            }
        }
        return format;
    }

    /** @throws RejectedLine if a value is wrong */
    ExampleLine parse(JsonNode line) {
        return read(line, new Tags(Texts.tag(line, "ability"), Texts.tag(line, "control")));
    }

    private static RejectedLine unknown(Set<String> keys) {
        String known = Arrays.stream(values())
                .map(format -> String.join(" + ", format.required()))
                .collect(Collectors.joining("; "));
        String found = keys.isEmpty()
                ? "has no keys"
                : "has the keys " + JsonFile.excerpt(String.join(", ", new TreeSet<>(keys)));
        return new RejectedLine(found + ", expected those of one format: " + known + "; " + SEE);
    }
}
