package io.tandem.server.text.tools;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** How a family of models writes its tool calls. */
public enum ToolSyntax {
    /** Hermes and Qwen: {@code <tool_call>{"name":…,"arguments":{…}}</tool_call>}, again for each call. */
    HERMES("<tool_call>", "\n", "\n</tool_call>", "\n<tool_call>\n", "", "arguments"),
    /** Llama 3: {@code {"name":…,"parameters":{…}}} is the whole answer; several are divided by semicolons. */
    LLAMA3("<|python_tag|>", "", "", "; ", "", "parameters"),
    /** Mistral: {@code [TOOL_CALLS][{"name":…,"arguments":{…}}]}. */
    MISTRAL("[TOOL_CALLS]", " [", "", ", ", "]", "arguments");

    private static final ObjectReader READER =
            JsonBody.MAPPER.reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final String marker;
    private final String opening;
    private final String behindCall;
    private final String between;
    private final String closing;
    private final String argumentsName;

    ToolSyntax(String marker, String opening, String behindCall, String between, String closing, String argumentsName) {
        this.marker = marker;
        this.opening = opening;
        this.behindCall = behindCall;
        this.between = between;
        this.closing = closing;
        this.argumentsName = argumentsName;
    }

    /** The family whose words a chat template has, if it knows tools. */
    public static Optional<ToolSyntax> of(String template) {
        if (!template.contains("tools")) {
            return Optional.empty();
        }
        if (template.contains("[TOOL_CALLS]")) {
            return Optional.of(MISTRAL);
        }
        if (template.contains("<tool_call>")) {
            return Optional.of(HERMES);
        }
        return template.contains("python_tag") || template.contains("\"parameters\"")
                ? Optional.of(LLAMA3)
                : Optional.empty();
    }

    /** What announces a call; a special token in some vocabularies. */
    public String marker() {
        return marker;
    }

    String opening() {
        return opening;
    }

    /** What is written before the first call when there has to be one. */
    public String beginning() {
        return (this == LLAMA3 ? "" : marker) + opening;
    }

    /** What stands behind each call. */
    public String behindCall() {
        return behindCall;
    }

    /** What stands between two calls, behind the first one's end. */
    public String between() {
        return between;
    }

    /** What ends the last call. */
    public String closing() {
        return closing;
    }

    /** The name of a call's arguments. */
    public String argumentsName() {
        return argumentsName;
    }

    /** Whether a call ends with a mark of its own, behind which text may follow. */
    boolean delimited() {
        return this == HERMES;
    }

    String endMarker() {
        return behindCall.strip();
    }

    /** Ids that the family's template takes: Mistral's wants nine letters and digits. */
    public String newId(String random) {
        return this == MISTRAL ? random.substring(0, 9) : "call_" + random.substring(0, 24);
    }

    /** The calls in what stands behind a marker; empty if it is no call. */
    Optional<List<JsonNode>> calls(String text) {
        List<JsonNode> calls = new ArrayList<>();
        String rest = text.strip();
        while (!rest.isEmpty()) {
            try (JsonParser parser = JsonBody.MAPPER.createParser(rest)) {
                JsonNode value = READER.readTree(parser);
                if (value.isArray()) {
                    value.forEach(calls::add);
                } else {
                    calls.add(value);
                }
                rest = rest.substring((int) parser.currentLocation().getCharOffset())
                        .strip();
            } catch (JsonProcessingException e) {
                return Optional.empty();
            } catch (IOException e) {
                throw new IllegalStateException("text in memory cannot be read", e);
            }
            rest = this == LLAMA3 && rest.startsWith(";") ? rest.substring(1).strip() : rest;
        }
        boolean all = !calls.isEmpty() && calls.stream().allMatch(ToolSyntax::isCall);
        return all ? Optional.of(calls) : Optional.empty();
    }

    private static boolean isCall(JsonNode call) {
        return call.path("name").isTextual() && arguments(call).isObject();
    }

    /** Models mix the two names up. */
    static JsonNode arguments(JsonNode call) {
        JsonNode arguments = call.has("arguments") ? call.path("arguments") : call.path("parameters");
        return arguments.isMissingNode() ? JsonBody.MAPPER.createObjectNode() : arguments;
    }
}
