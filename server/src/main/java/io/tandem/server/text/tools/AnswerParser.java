package io.tandem.server.text.tools;

import io.tandem.server.text.tools.AnswerPart.Call;
import io.tandem.server.text.tools.AnswerPart.Content;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Divides one growing answer into its parts. */
public final class AnswerParser {
    private final Optional<ReasoningParser> reasoning;
    private final Optional<ToolCallParser> tools;
    private int calls;

    private AnswerParser(Optional<ReasoningParser> reasoning, Optional<ToolCallParser> tools) {
        this.reasoning = reasoning;
        this.tools = tools;
    }

    /**
     * What is to be found in answers.
     *
     * @param reasoning whether thoughts may stand at the beginning
     * @param thinking whether the prompt has opened them already
     * @param tools how calls are written, if there may be any
     * @param names of the tools that may be called
     * @param inCall whether the prompt has begun a call already
     */
    public record Settings(
            boolean reasoning, boolean thinking, Optional<ToolSyntax> tools, Set<String> names, boolean inCall) {
        public static final Settings PLAIN = new Settings(false, false, Optional.empty(), Set.of(), false);

        /** Names of special tokens that are part of the answer's text, because they divide it. */
        public Set<String> shownTokens() {
            Set<String> shown = new HashSet<>();
            tools.ifPresent(syntax -> shown.addAll(syntax.tokens()));
            if (reasoning) {
                shown.addAll(Set.of(ReasoningParser.OPEN, ReasoningParser.CLOSE));
            }
            return shown;
        }

        public AnswerParser parser() {
            return new AnswerParser(
                    reasoning ? Optional.of(new ReasoningParser(thinking)) : Optional.empty(),
                    tools.map(syntax -> new ToolCallParser(syntax, names, inCall)));
        }
    }

    /** Takes a piece of the answer; returns the parts that are certain. */
    public List<AnswerPart> accept(String piece) {
        if (piece.isEmpty()) {
            return List.of();
        }
        return withCalls(reasoning.map(parser -> parser.accept(piece)).orElseGet(() -> List.of(new Content(piece))));
    }

    /** The rest, at the end. */
    public List<AnswerPart> finish() {
        List<AnswerPart> parts =
                new ArrayList<>(withCalls(reasoning.map(ReasoningParser::finish).orElse(List.of())));
        parts.addAll(count(tools.map(ToolCallParser::finish).orElse(List.of())));
        return parts;
    }

    private List<AnswerPart> withCalls(List<AnswerPart> parts) {
        if (tools.isEmpty()) {
            return parts;
        }
        List<AnswerPart> divided = new ArrayList<>();
        for (AnswerPart part : parts) {
            if (part instanceof Content content) {
                divided.addAll(count(tools.get().accept(content.text())));
            } else {
                divided.add(part);
            }
        }
        return divided;
    }

    private List<AnswerPart> count(List<AnswerPart> parts) {
        calls += (int) parts.stream().filter(Call.class::isInstance).count();
        return parts;
    }

    /** Calls that have been found. */
    public int calls() {
        return calls;
    }
}
