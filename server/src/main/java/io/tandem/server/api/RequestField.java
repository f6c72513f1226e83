package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;

/**
 * A field of a request for text, and what becomes of it.
 *
 * @param origin whose API has it
 * @param type of its values, if it is honoured
 * @param required whether no request does without it
 * @param neutral values, as JSON, that ask for nothing, so that they are taken although the field is refused
 * @param note what it does here, or what to do instead
 */
public record RequestField(
        String name,
        Origin origin,
        Set<Route> routes,
        Support support,
        FieldType type,
        boolean required,
        List<String> neutral,
        String note) {

    /** Where it comes from. */
    public enum Origin {
        OPENAI("OpenAI"),
        VLLM("vLLM"),
        LLAMA_CPP("llama.cpp"),
        TANDEM("Tandem");

        private final String title;

        Origin(String title) {
            this.title = title;
        }

        public String title() {
            return title;
        }
    }

    /** A route that has it. */
    public enum Route {
        COMPLETIONS,
        CHAT,
        RESPONSES
    }

    /** What becomes of it. */
    public enum Support {
        /** Does what it does where it comes from. */
        HONOURED,
        /** Checked for its type at most; there is nothing here that it could change. */
        ACCEPTED,
        /** An error, unless its value asks for nothing. */
        REFUSED,
        /** Treated like a field that nobody knows. */
        IGNORED
    }

    /** Whether a value says as much as its absence. */
    boolean asksForNothing(JsonNode value) {
        boolean none = value.isArray() && value.isEmpty();
        boolean off = value.isBoolean() && !value.booleanValue();
        return none || off || neutral.contains(value.toString());
    }

    /** What a client that sends a refused field is told. */
    String advice() {
        return note.isEmpty() ? "leave it out" : "leave it out (" + note.replace('`', '\'') + ")";
    }
}
