package io.tandem.server.text.tools;

import io.tandem.server.text.tools.AnswerPart.Content;
import io.tandem.server.text.tools.AnswerPart.Reasoning;
import java.util.ArrayList;
import java.util.List;

/** Divides an answer into the thoughts between {@code <think>} and {@code </think>} at its beginning, and the rest. */
public final class ReasoningParser {
    public static final String OPEN = "<think>";
    public static final String CLOSE = "</think>";

    private enum State {
        BEFORE,
        THINKING,
        BEHIND,
        ANSWERING
    }

    private final TextUntil close = new TextUntil(CLOSE);
    private State state;
    private String held = "";

    /** @param thinking whether the prompt has opened the thoughts already */
    ReasoningParser(boolean thinking) {
        this.state = thinking ? State.THINKING : State.BEFORE;
    }

    List<AnswerPart> accept(String piece) {
        List<AnswerPart> parts = new ArrayList<>();
        String text = held + piece;
        held = "";
        if (state == State.BEFORE) {
            String begun = text.stripLeading();
            if (begun.startsWith(OPEN)) {
                state = State.THINKING;
                text = begun.substring(OPEN.length());
            } else if (OPEN.startsWith(begun)) {
                held = text;
                return parts;
            } else {
                state = State.ANSWERING;
            }
        }
        if (state == State.THINKING) {
            String thought = close.accept(text);
            if (!thought.isEmpty()) {
                parts.add(new Reasoning(thought));
            }
            if (!close.found()) {
                return parts;
            }
            state = State.BEHIND;
            text = close.rest();
        }
        if (state == State.BEHIND) {
            text = text.stripLeading();
            state = text.isEmpty() ? State.BEHIND : State.ANSWERING;
        }
        if (!text.isEmpty()) {
            parts.add(new Content(text));
        }
        return parts;
    }

    List<AnswerPart> finish() {
        if (state == State.BEFORE && !held.isEmpty()) {
            return List.of(new Content(held));
        }
        return state == State.THINKING && !close.rest().isEmpty() ? List.of(new Reasoning(close.rest())) : List.of();
    }
}
