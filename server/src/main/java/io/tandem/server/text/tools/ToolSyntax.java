package io.tandem.server.text.tools;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.CallShape;
import io.tandem.server.api.JsonBody;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** How a family of models writes its tool calls. */
public enum ToolSyntax {
    /** Hermes and Qwen: {@code <tool_call>{"name":…,"arguments":{…}}</tool_call>}, again for each call. */
    HERMES(
            "<tool_call>",
            "\n",
            new CallShape("{\"name\": \"", "\", \"arguments\": ", "}\n</tool_call>", "\n<tool_call>\n", "")),
    /** Llama 3: {@code {"name":…,"parameters":{…}}} is the whole answer; several are divided by semicolons. */
    LLAMA3("<|python_tag|>", "", new CallShape("{\"name\": \"", "\", \"parameters\": ", "}", "; ", "")),
    /** Mistral: {@code [TOOL_CALLS][{"name":…,"arguments":{…}}]}. */
    MISTRAL(MistralCalls.MARKER, " [", new CallShape("{\"name\": \"", "\", \"arguments\": ", "}", ", ", "]")),
    /** Mistral since its tokenizer v11: {@code [TOOL_CALLS]name[ARGS]{…}}, again for each call. */
    MISTRAL_ARGS(MistralCalls.MARKER, "", new CallShape("", MistralCalls.ARGUMENTS, "", MistralCalls.MARKER, ""));

    private final String marker;
    private final String opening;

    @SuppressWarnings("ImmutableEnumChecker") // A record of strings.
    private final CallShape shape;

    ToolSyntax(String marker, String opening, CallShape shape) {
        this.marker = marker;
        this.opening = opening;
        this.shape = shape;
    }

    /** The family whose words a chat template has, if it knows tools. */
    public static Optional<ToolSyntax> of(String template) {
        if (!template.contains("tools")) {
            return Optional.empty();
        }
        if (template.contains(MistralCalls.MARKER)) {
            return Optional.of(template.contains(MistralCalls.ARGUMENTS) ? MISTRAL_ARGS : MISTRAL);
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

    /** How calls are written behind that. */
    public CallShape shape() {
        return shape;
    }

    /** Special tokens that divide calls. */
    Set<String> tokens() {
        return isMistral() ? Set.of(marker, MistralCalls.ARGUMENTS, MistralCalls.ID) : Set.of(marker);
    }

    private boolean isMistral() {
        return this == MISTRAL || this == MISTRAL_ARGS;
    }

    /** Whether a call ends with a mark of its own, behind which text may follow. */
    boolean delimited() {
        return this == HERMES;
    }

    String endMarker() {
        return delimited() ? "</tool_call>" : "";
    }

    /** Ids that the family's template takes: Mistral's wants nine letters and digits. */
    public String newId(String random) {
        return isMistral() ? random.substring(0, 9) : "call_" + random.substring(0, 24);
    }

    /** The calls in what stands behind a marker; empty if it is no call. */
    Optional<List<JsonNode>> calls(String text) {
        try {
            List<JsonNode> calls = new ArrayList<>();
            LeadingJson next = new LeadingJson(text);
            while (!next.isEmpty()) {
                if (isMistral() && MistralCalls.follow(next)) {
                    calls.add(MistralCalls.read(next));
                } else {
                    JsonNode value = next.read();
                    (value.isArray() ? value : List.of(value)).forEach(calls::add);
                }
                next.skip(this == LLAMA3 ? ";" : "");
            }
            boolean all = !calls.isEmpty() && calls.stream().allMatch(ToolSyntax::isCall);
            return all ? Optional.of(calls) : Optional.empty();
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
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
