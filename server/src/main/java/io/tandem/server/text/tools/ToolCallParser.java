package io.tandem.server.text.tools;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.text.tools.AnswerPart.Call;
import io.tandem.server.text.tools.AnswerPart.Content;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * Finds tool calls in what a model says. A call is kept back until it is complete; what only looks like one is given as
 * text, so nothing is lost.
 */
final class ToolCallParser {
    private final ToolSyntax syntax;
    private final Set<String> names;
    private TextUntil begin;
    private TextUntil end;
    private final StringBuilder call = new StringBuilder();
    private boolean inCall;
    private boolean called;
    private boolean begun;
    /** Blanks that are dropped if a call follows. */
    private String blanks = "";

    /**
     * @param names of the tools that may be called
     * @param inCall whether the prompt has begun a call already
     */
    ToolCallParser(ToolSyntax syntax, Set<String> names, boolean inCall) {
        this.syntax = syntax;
        this.names = names;
        this.inCall = inCall;
        this.begun = inCall;
        if (inCall) {
            call.append(syntax.opening());
        }
        this.begin = new TextUntil(syntax.marker());
        this.end = new TextUntil(syntax.endMarker());
    }

    List<AnswerPart> accept(String piece) {
        List<AnswerPart> parts = new ArrayList<>();
        String text = piece;
        while (!text.isEmpty()) {
            text = inCall ? readCall(text, parts) : readText(text, parts);
        }
        return parts;
    }

    /** Returns what is left to read. */
    private String readText(String text, List<AnswerPart> parts) {
        String all = text;
        if (syntax == ToolSyntax.LLAMA3 && !begun) {
            all = blanks + text;
            blanks = "";
            String visible = all.stripLeading();
            if (visible.isEmpty()) {
                blanks = all;
                return "";
            }
            begun = true;
            if (visible.startsWith("{")) {
                inCall = true;
                return all;
            }
        }
        String before = begin.accept(all);
        put(before, parts);
        if (!begin.found()) {
            return "";
        }
        String rest = begin.rest();
        begin = new TextUntil(syntax.marker());
        inCall = true;
        // A marker alone is a call that has not begun.
        call.append(syntax.marker());
        return rest;
    }

    private void put(String text, List<AnswerPart> parts) {
        String all = blanks + text;
        String visible = all.stripTrailing();
        blanks = all.substring(visible.length());
        if (!visible.isEmpty()) {
            parts.add(new Content(visible));
        }
    }

    private String readCall(String text, List<AnswerPart> parts) {
        if (!syntax.delimited()) {
            call.append(text);
            return "";
        }
        call.append(end.accept(text));
        if (!end.found()) {
            return "";
        }
        String rest = end.rest();
        end = new TextUntil(syntax.endMarker());
        endCall(syntax.endMarker(), parts);
        return rest;
    }

    /** @param mark that ended the call, which comes back if it was none */
    private void endCall(String mark, List<AnswerPart> parts) {
        String text = call.toString();
        call.setLength(0);
        inCall = false;
        String json = text.startsWith(syntax.marker())
                ? text.substring(syntax.marker().length())
                : text;
        List<JsonNode> calls = syntax.calls(json).orElse(List.of());
        boolean known = calls.stream()
                .allMatch(found -> names.contains(found.path("name").textValue()));
        if (calls.isEmpty() || !known) {
            put(text + mark, parts);
            return;
        }
        called = true;
        blanks = "";
        for (JsonNode found : calls) {
            String random = UUID.randomUUID().toString().replace("-", "");
            parts.add(new Call(
                    syntax.newId(random),
                    found.path("name").textValue(),
                    ToolSyntax.arguments(found).toString()));
        }
    }

    List<AnswerPart> finish() {
        List<AnswerPart> parts = new ArrayList<>();
        if (inCall) {
            call.append(syntax.delimited() ? end.rest() : "");
            endCall("", parts);
        } else {
            put(begin.rest(), parts);
        }
        if (!called && !blanks.isEmpty()) {
            parts.add(new Content(blanks));
        }
        return parts;
    }
}
