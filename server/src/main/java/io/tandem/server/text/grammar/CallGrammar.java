package io.tandem.server.text.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.CallShape;
import java.util.BitSet;
import java.util.Map;

/** Grammars of calls of functions. */
public final class CallGrammar {
    private CallGrammar() {}

    /**
     * One call or several.
     *
     * @param functions by name, which has no character that JSON escapes, the schemas of their arguments
     * @param usable bytes that can be written one at a time
     * @throws GrammarException if the grammar of a schema cannot be made; its message names the function
     */
    public static Grammar of(Map<String, JsonNode> functions, CallShape shape, BitSet usable) {
        GrammarBuilder builder = new GrammarBuilder();
        int start = builder.node();
        int calls = builder.node();
        int behind = builder.node();
        builder.empty(start, calls);
        functions.forEach((name, schema) -> {
            int arguments = builder.literal(calls, shape.beforeName() + name + shape.beforeArguments());
            int end = builder.node();
            try {
                builder.call(arguments, SchemaGrammar.rule(builder, schema), end);
            } catch (GrammarException e) {
                throw new GrammarException(e.pointer(), "of the function '" + name + "' " + e.getMessage());
            }
            builder.empty(builder.literal(end, shape.behindCall()), behind);
        });
        if (!shape.between().isEmpty()) {
            builder.empty(builder.literal(behind, shape.between()), calls);
        }
        builder.end(builder.literal(behind, shape.closing()));
        return builder.build(start, usable);
    }
}
