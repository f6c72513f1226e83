package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.RequestField.Route;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A checked body of {@code POST /v1/responses}.
 *
 * @param chat that it means
 * @param echo fields of the request as every answer to it repeats them, with the defaults of those that are absent
 */
public record ResponseParams(ChatParams chat, ObjectNode echo) {
    static final int TEXT_CHARS_MAX = 64 << 20;
    private static final String LOGPROBS = "message.output_text.logprobs";
    /** The rest is about tools of OpenAI's, of which nothing can be included. */
    private static final Set<String> INCLUDES = Set.of(
            LOGPROBS,
            "reasoning.encrypted_content",
            "file_search_call.results",
            "web_search_call.results",
            "web_search_call.action.sources",
            "message.input_image.image_url",
            "computer_call_output.output.image_url",
            "code_interpreter_call.outputs");

    public static ResponseParams read(JsonBody body, RequestBounds bounds) {
        requireNothingStored(body);
        List<String> ignored = RequestFields.check(body, Route.RESPONSES, bounds);
        List<ChatMessage> messages = new ArrayList<>();
        Optional<String> instructions = body.optionalString("instructions");
        instructions.ifPresent(text -> messages.add(new ChatMessage("system", text)));
        messages.addAll(ResponseInput.read(body, ignored));
        OptionalInt maxTokens = body.optionalInt("max_output_tokens");
        ToolChoice tools = ToolChoice.readFlat(body);
        Optional<StructuredOutput> structured = StructuredOutput.readText(body);
        tools.requireNoContradiction(structured);
        int topLogprobs = topLogprobs(body);
        GenerationParams generation = GenerationParams.read(body, maxTokens, topLogprobs, structured, ignored, bounds);
        if (truncated(body) && generation.promptTokens().isEmpty()) {
            generation = generation.withPromptTokens(Math.max(1, bounds.contextTokens() - maxTokens.orElse(1)));
        }
        ChatRendering rendering =
                ChatRendering.read(body, messages, tools.tools()).withEffort(effort(body, ignored, bounds));
        return new ResponseParams(
                new ChatParams("input", generation, List.copyOf(messages), tools, rendering),
                echo(body, generation, bounds));
    }

    /** Says why before the table of fields would only say that these are not supported. */
    private static void requireNothingStored(JsonBody body) {
        for (String field : List.of("previous_response_id", "conversation")) {
            if (body.find(field) != null) {
                throw ApiException.unsupported(
                        field,
                        "'" + field + "' is not supported: this server stores no responses. Send the whole"
                                + " conversation as 'input', with the items of earlier answers.");
            }
        }
    }

    private static int topLogprobs(JsonBody body) {
        JsonNode include = body.find("include");
        boolean wanted = false;
        if (include != null && !include.isArray()) {
            throw body.invalid("include", "must be an array of strings.");
        }
        for (JsonNode name : include == null ? List.<JsonNode>of() : include) {
            if (!INCLUDES.contains(name.asText())) {
                throw body.invalid(
                        "include",
                        "may only have "
                                + String.join(", ", INCLUDES.stream().sorted().toList()) + ".");
            }
            wanted |= name.asText().equals(LOGPROBS);
        }
        int top = body.optionalInt("top_logprobs").orElse(0);
        return wanted || top > 0 ? top : -1;
    }

    private static Optional<String> effort(JsonBody body, List<String> ignored, RequestBounds bounds) {
        Optional<JsonBody> reasoning = body.optionalObject("reasoning");
        reasoning.ifPresent(asked -> {
            ignored.addAll(asked.unknown(Set.of("effort", "summary", "generate_summary")));
            ChatRendering.EFFORT.check(asked, "effort", bounds);
        });
        return reasoning.flatMap(asked -> asked.optionalString("effort"));
    }

    /** As at vLLM, the tokens at the beginning are left out, not whole items. */
    private static boolean truncated(JsonBody body) {
        return body.optionalString("truncation").filter("auto"::equals).isPresent();
    }

    private static ObjectNode echo(JsonBody body, GenerationParams generation, RequestBounds bounds) {
        body.optionalBoolean("store", false);
        ObjectNode echo = JsonBody.MAPPER.createObjectNode();
        echo.set("instructions", body.find("instructions"));
        echo.set("max_output_tokens", body.find("max_output_tokens"));
        echo.set("max_tool_calls", body.find("max_tool_calls"));
        echo.set("metadata", Metadata.read(body).orElseGet(JsonBody.MAPPER::createObjectNode));
        echo.put("parallel_tool_calls", body.optionalBoolean("parallel_tool_calls", true));
        echo.putNull("previous_response_id");
        echo.set("prompt_cache_key", body.find("prompt_cache_key"));
        ObjectNode reasoning = echo.putObject("reasoning").putNull("effort").putNull("summary");
        body.optionalObject("reasoning").ifPresent(asked -> reasoning.setAll(asked.node()));
        echo.set("safety_identifier", body.find("safety_identifier"));
        echo.put("service_tier", "default");
        echo.put("store", false);
        echo.put("temperature", generation.sampling().temperature());
        ObjectNode text = echo.putObject("text");
        text.putObject("format").put("type", "text");
        body.optionalObject("text").ifPresent(asked -> text.setAll(asked.node()));
        JsonNode choice = body.find("tool_choice");
        echo.set(
                "tool_choice", choice == null ? JsonBody.MAPPER.getNodeFactory().textNode("auto") : choice);
        JsonNode sent = body.find("tools");
        ArrayNode none = JsonBody.MAPPER.createArrayNode();
        echo.set("tools", sent == null ? none : sent);
        echo.put("top_logprobs", Math.max(0, generation.sampling().topLogprobs()));
        echo.put("top_p", body.optionalNumber("top_p").orElse(bounds.sampling().topP()));
        echo.put("truncation", truncated(body) ? "auto" : "disabled");
        echo.set("user", body.find("user"));
        return echo;
    }
}
