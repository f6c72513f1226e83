package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.BitSet;
import java.util.Map;

/** Grammars of calls of functions. */
public final class CallGrammar {
    /**
     * How calls are written.
     *
     * @param argumentsName of the member with the arguments
     * @param behindCall stands behind each call
     * @param between stands between two calls; empty if there is only one
     * @param closing stands behind the last one
     */
    public record Style(String argumentsName, String behindCall, String between, String closing) {}

    private CallGrammar() {}

    /**
     * One call or several.
     *
     * @param functions by name, the schemas of their arguments
     * @param usable bytes that can be written one at a time
     * @throws GrammarException if the grammar of a schema cannot be made; its message names the function
     */
    public static Grammar of(Map<String, JsonNode> functions, Style style, BitSet usable) {
        GrammarBuilder builder = new GrammarBuilder();
        int start = builder.node();
        int calls = builder.node();
        int behind = builder.node();
        builder.empty(start, calls);
        functions.forEach((name, schema) -> {
            String head = "{\"name\": " + TextNode.valueOf(name) + ", \"" + style.argumentsName() + "\": ";
            int arguments = builder.literal(calls, head);
            int end = builder.node();
            try {
                builder.call(arguments, SchemaGrammar.rule(builder, schema), end);
            } catch (GrammarException e) {
                throw new GrammarException(e.pointer(), "of the function '" + name + "' " + e.getMessage());
            }
            builder.empty(builder.literal(end, "}" + style.behindCall()), behind);
        });
        if (!style.between().isEmpty()) {
            builder.empty(builder.literal(behind, style.between()), calls);
        }
        builder.end(builder.literal(behind, style.closing()));
        return builder.build(start, usable);
    }
}
