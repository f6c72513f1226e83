package io.tandem.server.text.tools;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;

/**
 * Calls of Mistral's tokenizers from v11 on: {@code name[ARGS]{…}}, in some of them {@code name[CALL_ID]id[ARGS]{…}}, with
 * {@code [TOOL_CALLS]} before each.
 */
final class MistralCalls {
    static final String ARGUMENTS = "[ARGS]";
    static final String ID = "[CALL_ID]";
    static final String MARKER = "[TOOL_CALLS]";

    private MistralCalls() {}

    /** Whether the text goes on with such a call, where older models write JSON. */
    static boolean follow(LeadingJson text) {
        return !text.startsWith("{") && !text.startsWith("[{") && !text.startsWith("[ ");
    }

    /** The next call as older models write it. Without a name it is none. */
    static JsonNode read(LeadingJson text) throws JsonProcessingException {
        text.skip(MARKER);
        String head = text.until(ARGUMENTS);
        int id = head.indexOf(ID);
        ObjectNode call = JsonBody.MAPPER.createObjectNode();
        call.put("name", id < 0 ? head : head.substring(0, id).strip());
        call.set("arguments", text.read());
        return call;
    }
}
